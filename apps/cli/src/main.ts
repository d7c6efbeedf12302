#!/usr/bin/env node
// Code compiled once stays compiled: that halves the start. What is in the cache is run, so it
// stands where nobody else may write, whatever the umask; where there is no such place, there is
// no cache.
import { chmodSync, mkdirSync } from "node:fs"
import { enableCompileCache } from "node:module"
import { homedir } from "node:os"
import { join } from "node:path"

try {
  const folder = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "farthing")
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, 0o700)
  enableCompileCache(folder)
} catch {}

await import("./Run.ts")
