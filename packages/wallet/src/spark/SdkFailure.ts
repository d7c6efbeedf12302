/** Why a call of the SDK failed, told from what it threw. Loads nothing of the SDK. */
import { Text } from "@farthing/protocol"
import { Schema } from "effect"

/**
 * `too_little` and `too_dear`: the balance or the fee cap does not cover it. `refused`: those who were
 * asked have answered that they don't do it. `unreachable`: anything else, so nothing is known.
 */
export const Kind = Schema.Literals(["too_little", "too_dear", "refused", "unreachable"])

export class SdkFailure extends Schema.TaggedError<SdkFailure>()("SdkFailure", {
  kind: Kind,
  /** The status of gRPC, if it is one. */
  code: Schema.optional(Schema.Int),
  message: Schema.String
}) {}

export const fromUnknown = (thrown: unknown): SdkFailure => {
  const chain = causesOf(thrown)
  const code = chain.map(codeOf).find((it) => it !== undefined)
  return new SdkFailure({ kind: kindOf(chain, code), code, message: messageOf(chain) })
}

/** Whether the leaves that are known do not cover an amount. */
export const isTooLittle = (thrown: unknown): boolean => fieldOf(thrown) === "targetAmounts"

/** The statuses by which a server says that it has understood, and will not do it. */
const refusals = new Map([
  [3, "INVALID_ARGUMENT"],
  [5, "NOT_FOUND"],
  [6, "ALREADY_EXISTS"],
  [7, "PERMISSION_DENIED"],
  [9, "FAILED_PRECONDITION"],
  [11, "OUT_OF_RANGE"],
  [12, "UNIMPLEMENTED"]
])

const kindOf = (chain: ReadonlyArray<unknown>, code: number | undefined) => {
  const fields = chain.map(fieldOf)
  if (fields.includes("targetAmounts")) return "too_little"
  if (fields.includes("maxFeeSats")) return "too_dear"
  if (code !== undefined) return refusals.has(code) ? "refused" : "unreachable"
  return chain.some(isAnswer) || chain.some(isValidation) ? "refused" : "unreachable"
}

/** An answer of the service provider that names errors, rather than none. */
const isAnswer = (error: unknown): boolean =>
  error instanceof Error && /^Request \w+ failed\. \[/.test(error.message)

const isValidation = (error: unknown): boolean =>
  error instanceof Error && error.name === "SparkValidationError"

const codeOf = (error: unknown): number | undefined =>
  error instanceof Error &&
  error.name === "ClientError" &&
  "code" in error &&
  typeof error.code === "number"
    ? error.code
    : undefined

const fieldOf = (error: unknown): unknown => {
  if (!isObject(error) || !("getContext" in error) || typeof error.getContext !== "function") return
  const context: unknown = error.getContext()
  return isObject(context) && "field" in context ? context.field : undefined
}

/** The error and what it was made of, the outermost first. */
const causesOf = (thrown: unknown): ReadonlyArray<unknown> => {
  const chain: Array<unknown> = []
  for (let next = thrown; next !== undefined && chain.length < 8;) {
    chain.push(next)
    next = isObject(next) ? (memberOf(next, "originalError") ?? memberOf(next, "cause")) : undefined
  }
  return chain
}

const memberOf = (of: object, name: string): unknown => Reflect.get(of, name)

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

/** What the innermost says. The SDK's own errors add what was asked, which may be secret. */
const messageOf = (chain: ReadonlyArray<unknown>): string => {
  const innermost = chain.findLast((error) => error instanceof Error)
  const message = innermost?.message ?? ""
  const said =
    innermost !== undefined && "getContext" in innermost ? message.split(" [")[0]! : message
  return Text.printable(said === "" ? "The Spark SDK failed" : said)
}
