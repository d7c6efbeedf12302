/** The processes of a trial, from outside: what they say, how they end, and ending them. */
import { Data, Deferred, Effect, Option, Schema } from "effect"
import type { Scope } from "effect"
import { spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { Line } from "./Lines.ts"

export type Name = "customer" | "provider" | "market"

export interface Options {
  /** The folder of the bundles. */
  readonly bundle: string
  readonly name: Name
  /** What it is told to do: the task of its name. */
  readonly task: object
  readonly environment?: Readonly<Record<string, string>>
  readonly onLine?: (line: Line) => void
}

export interface Process {
  readonly name: Name
  readonly pid: number
  /** All so far. */
  readonly said: ReadonlyArray<Line>
  /** Waits until it can be used. */
  readonly ready: Effect.Effect<Readonly<Record<string, string>>, EndedEarly>
  /** Waits until it is gone. */
  readonly end: Effect.Effect<End>
  readonly tell: (message: object) => Effect.Effect<void>
  /** With no chance to put anything in order. */
  readonly kill: Effect.Effect<End>
}

export interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** What it wrote to stderr. */
  readonly complaint: string
}

/** It was gone before it could be used. */
export class EndedEarly extends Data.TaggedError("EndedEarly")<{
  readonly name: Name
  readonly end: End
}> {
  override get message(): string {
    return `The ${this.name} ended (${this.end.signal ?? this.end.code}): ${this.end.complaint}`
  }
}

const decodeLine = Schema.decodeOption(Line)

/** Killed when the scope closes, if it still lives. */
export const start = Effect.fnUntraced(function* ({
  bundle,
  environment,
  name,
  onLine,
  task
}: Options): Effect.fn.Return<Process, never, Scope.Scope> {
  const ready = yield* Deferred.make<Readonly<Record<string, string>>, EndedEarly>()
  const ended = yield* Deferred.make<End>()
  const said: Array<Line> = []
  const complaint: Array<string> = []

  const hear = (text: string): void => {
    const line = Option.getOrUndefined(decodeLine(text))
    if (line === undefined) return
    said.push(line)
    if (line._tag === "Ready") Deferred.doneUnsafe(ready, Effect.succeed(line.of))
    onLine?.(line)
  }

  const child = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, [join(bundle, `${name}.mjs`)], {
        // No variable of the machine reaches it, except what a process needs to live.
        env: {
          PATH: process.env["PATH"],
          HOME: "/nonexistent",
          NODE_COMPILE_CACHE: join(bundle, "cache"),
          TRIAL: JSON.stringify(task),
          ...environment
        },
        stdio: ["pipe", "pipe", "pipe"]
      })
      createInterface({ input: child.stdout }).on("line", hear)
      child.stderr.on("data", (data) => complaint.push(String(data)))
      // Who is dead does not listen.
      child.stdin.on("error", () => {})
      child.once("close", (code, signal) => {
        const end = { code, signal, complaint: complaint.join("").trim() }
        Deferred.doneUnsafe(ended, Effect.succeed(end))
        Deferred.doneUnsafe(ready, Effect.fail(new EndedEarly({ name, end })))
      })
      return child
    }),
    (child) =>
      Effect.andThen(
        Effect.sync(() => child.kill("SIGKILL")),
        Deferred.await(ended)
      )
  )

  return {
    name,
    pid: child.pid ?? 0,
    said,
    ready: Deferred.await(ready),
    end: Deferred.await(ended),
    tell: (message) => Effect.sync(() => child.stdin.write(`${JSON.stringify(message)}\n`)),
    kill: Effect.andThen(
      Effect.sync(() => child.kill("SIGKILL")),
      Deferred.await(ended)
    )
  }
})
