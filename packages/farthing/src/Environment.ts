/**
 * The environment variables of the process. Whoever runs Farthing inside something else, or in
 * a test, provides a record of their own.
 */
import { Context } from "effect"

export const Environment = Context.Reference<Readonly<Record<string, string | undefined>>>(
  "farthing/Environment",
  { defaultValue: () => process.env }
)
