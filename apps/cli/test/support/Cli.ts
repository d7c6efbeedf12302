/**
 * The real command in real processes, each test with a home of its own.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Option, Schema, Stream, SubscriptionRef } from "effect"
import { ChildProcess } from "effect/process"
import { inject } from "vitest"

export type Env = Readonly<Record<string, string>>

export interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** No variable of the machine reaches the command, except what a process needs to live. */
const cleanEnv = (env: Env) => ({
  PATH: process.env["PATH"] ?? "",
  HOME: "/nonexistent",
  ...env
})

const spawn = (
  args: ReadonlyArray<string>,
  env: Env,
  stdin: Stream.Stream<Uint8Array> | "ignore",
  program = inject("bundle")
) =>
  ChildProcess.make(process.execPath, [program, ...args], {
    env: cleanEnv(env),
    extendEnv: false,
    stdin
  })

/** Runs a command of `farthing`, or of another program of ours, to its end. */
export const run = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  env: Env,
  stdin: string | Uint8Array = "",
  program?: string
) {
  const bytes = typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin
  const input = bytes.length === 0 ? "ignore" : Stream.make(bytes)
  const handle = yield* spawn(args, env, input, program)
  const [stdout, stderr, code] = yield* Effect.all(
    [
      handle.stdout.pipe(Stream.decodeText(), Stream.mkString),
      handle.stderr.pipe(Stream.decodeText(), Stream.mkString),
      handle.exitCode
    ],
    { concurrency: "unbounded" }
  )
  return { code, stdout, stderr } satisfies Finished
}, Effect.scoped)

/** A command that keeps running; killed when the scope closes. */
export interface Running {
  readonly pid: number
  /** The next line of stdout or stderr that holds the text; lines before it are passed over. */
  readonly until: (text: string) => Effect.Effect<string>
  readonly kill: (signal: NodeJS.Signals) => Effect.Effect<void>
  readonly exitCode: Effect.Effect<number>
  readonly output: Effect.Effect<string>
}

/** What a running command has printed, and how far its readers have come. */
interface Printed {
  readonly lines: ReadonlyArray<string>
  readonly read: number
  /** Whether no more will come. */
  readonly ended: boolean
}

/** Where the text stands that nobody has read yet. */
const unread = ({ lines, read }: Printed, text: string): number =>
  lines.findIndex((line, at) => at >= read && line.includes(text))

/** Starts a command that keeps running: of `farthing`, or of another program of ours. */
export const start = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  env: Env,
  program?: string
) {
  const handle = yield* spawn(args, env, "ignore", program)
  const printed = yield* SubscriptionRef.make<Printed>({ lines: [], read: 0, ended: false })
  yield* handle.all.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.runForEach((line) =>
      SubscriptionRef.update(printed, (now) => ({ ...now, lines: [...now.lines, line] }))
    ),
    Effect.ensuring(SubscriptionRef.update(printed, (now) => ({ ...now, ended: true }))),
    Effect.forkScoped
  )
  const output = Effect.map(SubscriptionRef.get(printed), ({ lines }) => lines.join("\n"))
  const until = Effect.fnUntraced(function* (text: string) {
    const now = yield* SubscriptionRef.changes(printed).pipe(
      Stream.filter((now) => now.ended || unread(now, text) >= 0),
      Stream.runHead,
      Effect.map(Option.getOrThrow)
    )
    const index = unread(now, text)
    if (index < 0) return yield* Effect.die(new Error(`the command ended:\n${yield* output}`))
    yield* SubscriptionRef.update(printed, (now) => ({ ...now, read: index + 1 }))
    return now.lines[index] ?? ""
  })
  return {
    pid: handle.pid,
    until,
    kill: (signal) => handle.kill({ killSignal: signal }).pipe(Effect.orDie),
    exitCode: handle.exitCode.pipe(Effect.orDie),
    output
  } satisfies Running
})

export const tempHome = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.makeTempDirectoryScoped({ prefix: "farthing-test-" })
})

const DevLine = Schema.fromJsonString(
  Schema.Struct({
    relay: Schema.String,
    accounts: Schema.Array(Schema.Struct({ npub: Schema.String, nwc: Schema.String })),
    provider: Schema.optionalKey(Schema.String)
  })
)

/** A market of one's own: `farthing dev`, and the environment of each of its accounts. */
export const market = Effect.fnUntraced(function* (
  args: ReadonlyArray<string> = [],
  home?: string
) {
  const devHome = home ?? (yield* tempHome)
  const dev = yield* start(["dev", "--json", "--port", "0", ...args], { FARTHING_HOME: devHome })
  const line = yield* Schema.decodeEffect(DevLine)(yield* dev.until('{"relay"'))
  const account = Effect.fnUntraced(function* (index: number, extra: Env = {}) {
    return {
      FARTHING_HOME: yield* tempHome,
      FARTHING_NETWORK: "regtest",
      FARTHING_RELAYS_URLS: line.relay,
      FARTHING_WALLET_NWC_URI: line.accounts[index]?.nwc ?? "",
      ...extra
    } as Env
  })
  return { dev, home: devHome, ...line, account }
})

export const layer = NodeServices.layer
