export type * as Audit from "./Audit.ts"
export type * as Faults from "./Faults.ts"
export * as SparkLocal from "./SparkLocal.ts"
