export * as Relay from "./Relay.ts"
export * as Signer from "./Signer.ts"
