export * as Config from "./Config.ts"
export * as Environment from "./Environment.ts"
export * as Home from "./Home.ts"
export * as Identity from "./Identity.ts"
