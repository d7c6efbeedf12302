export * as GroupCommit from "./GroupCommit.ts"
export * as Sqlite from "./Sqlite.ts"
