export * as BankServer from "./BankServer.ts"
export * as Devnet from "./Devnet.ts"
export * as RelayServer from "./RelayServer.ts"
