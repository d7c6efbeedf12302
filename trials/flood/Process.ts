/** A process of a flood or a steady soak, and how it is asked. */
import { Deferred, Effect, Schema } from "effect"
import type { Scope } from "effect"
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Answer } from "./Attendant.ts"

export interface Process {
  readonly name: string
  /** Fails if the process ends, or does not know. */
  readonly ask: <S extends Schema.Codec<unknown, unknown>>(
    about: string,
    answer: S
  ) => Effect.Effect<S["Type"], ProcessError>
}

/** Runs an entry file of a folder, or of this one, until the scope closes. */
export const start = (
  name: string,
  env: Readonly<Record<string, string>>,
  folder: string = import.meta.url
): Effect.Effect<Process, never, Scope.Scope> =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        fork(fileURLToPath(new URL(`./${name}.ts`, folder)), [], {
          execArgv: ["--expose-gc"],
          env: { PATH: process.env["PATH"], ...env }
        })
      ),
      (child) =>
        Effect.callback<void>((resume) => {
          if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
          child.once("exit", () => resume(Effect.void))
          child.kill("SIGTERM")
        }).pipe(
          Effect.timeoutOption("20 seconds"),
          Effect.andThen(Effect.sync(() => child.kill("SIGKILL")))
        )
    )
    const waiting = new Map<number, Deferred.Deferred<unknown, ProcessError>>()
    let asked = 0

    child.on("message", (message) => {
      const { id, trouble, value } = Schema.decodeUnknownSync(Answer)(message)
      const deferred = waiting.get(id)
      waiting.delete(id)
      if (deferred === undefined) return
      Deferred.doneUnsafe(
        deferred,
        trouble === undefined
          ? Effect.succeed(value)
          : Effect.fail(new ProcessError({ message: `${name}: ${trouble}` }))
      )
    })
    child.on("exit", (code, signal) => {
      const message = `${name} ended (${signal ?? code})`
      for (const deferred of waiting.values())
        Deferred.doneUnsafe(deferred, Effect.fail(new ProcessError({ message })))
    })

    return {
      name,
      ask: (about, answer) =>
        Effect.gen(function* () {
          if (!child.connected) return yield* new ProcessError({ message: `${name} is gone` })
          const id = asked++
          const deferred = yield* Deferred.make<unknown, ProcessError>()
          waiting.set(id, deferred)
          child.send({ id, about })
          const value = yield* Deferred.await(deferred)
          return yield* Effect.orDie(Schema.decodeUnknownEffect(answer)(value))
        })
    } satisfies Process
  })

export class ProcessError extends Schema.TaggedError<ProcessError>()("ProcessError", {
  message: Schema.String
}) {}
