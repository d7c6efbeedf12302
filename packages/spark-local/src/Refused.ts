/** What operators and service provider say no to. */
import { Schema } from "effect"

export const Code = Schema.Literals([
  "INVALID_ARGUMENT",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "FAILED_PRECONDITION",
  "UNAUTHENTICATED",
  "UNAVAILABLE",
  "INTERNAL"
])

/** Nothing has changed, unless a fault was asked for that says otherwise. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", {
  /** gRPC's word for it. */
  code: Code,
  message: Schema.String
}) {}
