export * as Limits from "./Limits.ts"
export * as Treasury from "./Treasury.ts"
