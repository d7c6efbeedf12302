import { Schema } from "effect"

/** What was typed, piped or configured cannot be used; the message says what would be. */
export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", {
  message: Schema.String
}) {}
