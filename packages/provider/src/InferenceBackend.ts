/**
 * What a provider sells: something that turns a prompt into text.
 */
import type { Array as Arr, Effect, Stream } from "effect"
import { Context, Schema } from "effect"

export interface InferenceRequest {
  readonly model: string
  readonly prompt: string
  /** The most tokens that may be generated. */
  readonly maxTokens: number
  readonly temperature?: number
  readonly topP?: number
  readonly stop?: ReadonlyArray<string>
  readonly seed?: number
}

/** The text as it comes, and at the end how it ended. */
export type Part =
  | { readonly _tag: "Text"; readonly text: string }
  /** What came so far is void: the text begins anew, by somebody else. */
  | { readonly _tag: "Anew"; readonly because: InferenceError }
  | {
      readonly _tag: "Finish"
      /** `stop` where the text is whole, `length` where a bound cut it; servers know more. */
      readonly reason: string
      readonly tokensIn: number | undefined
      readonly tokensOut: number | undefined
    }

export interface Shape {
  /** A name for people, such as the server's address. */
  readonly name: string
  /** Of several as one: each of them, in the order in which they are asked. */
  readonly members?: Arr.NonEmptyReadonlyArray<Shape>
  /** What it can run now. */
  readonly models: Effect.Effect<ReadonlyArray<string>, InferenceError>
  /** Ends with exactly one `Finish`; a stream without one is a failure. */
  readonly infer: (request: InferenceRequest) => Stream.Stream<Part, InferenceError>
}

export class InferenceBackend extends Context.Service<InferenceBackend, Shape>()(
  "@farthing/provider/InferenceBackend"
) {}

/**
 * Why there is no (whole) text. What the model, the prompt or the server's rules forbid stays
 * so; the rest may go away when the same is asked again (`isTransient`).
 */
export const InferenceFault = Schema.Literals([
  "unreachable",
  "overloaded",
  "timeout",
  "failed",
  "model_unavailable",
  "prompt_too_long",
  "refused",
  "truncated",
  "invalid_answer"
])
export type InferenceFault = typeof InferenceFault.Type

/** The message is for the provider's operator: it may name addresses of its own network. */
export class InferenceError extends Schema.TaggedError<InferenceError>()("InferenceError", {
  reason: InferenceFault,
  message: Schema.String
}) {
  get isTransient(): boolean {
    switch (this.reason) {
      case "unreachable":
      case "overloaded":
      case "timeout":
      case "failed":
      case "truncated":
      case "invalid_answer":
        return true
      case "model_unavailable":
      case "prompt_too_long":
      case "refused":
        return false
    }
  }
}
