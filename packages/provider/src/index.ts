export * as InferenceBackend from "./InferenceBackend.ts"
