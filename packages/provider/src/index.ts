export * as EmbeddedBackend from "./EmbeddedBackend.ts"
export * as InferenceBackend from "./InferenceBackend.ts"
export * as OpenAiBackend from "./OpenAiBackend.ts"
