import { Schema } from "effect"

/** Something that a purchase needs does not work. */
export class Unwell extends Schema.TaggedError<Unwell>()("Unwell", { message: Schema.String }) {}
