export * as Prepared from "./Prepared.ts"
export * as Sqlite from "./Sqlite.ts"
