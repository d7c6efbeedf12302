export * as Payer from "./Payer.ts"
export * as Wallet from "./Wallet.ts"
