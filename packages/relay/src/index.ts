export * as Relay from "./Relay.ts"
export * as RelaySocket from "./RelaySocket.ts"
export * as Signer from "./Signer.ts"
export * as UnixTime from "./UnixTime.ts"
