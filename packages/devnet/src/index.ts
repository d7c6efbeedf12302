export * as BankServer from "./BankServer.ts"
export * as RelayServer from "./RelayServer.ts"
