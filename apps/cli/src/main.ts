#!/usr/bin/env node
// Code compiled once stays compiled: that halves the start. The cache stands where nobody else
// may write, because what is in it is run.
import { enableCompileCache } from "node:module"
import { homedir } from "node:os"
import { join } from "node:path"

enableCompileCache(join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "farthing"))

await import("./Run.ts")
