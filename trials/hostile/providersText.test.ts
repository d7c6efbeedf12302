/**
 * What providers write is data: shown to a person it moves no cursor, changes no title and hides
 * nothing, wherever it stands.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Option, Sink, Stdio, Terminal } from "effect"
import { hash } from "node:crypto"
import * as Failure from "../../apps/cli/src/Failure.ts"
import * as Output from "../../apps/cli/src/Output.ts"
import * as Telling from "../../apps/cli/src/Telling.ts"
import * as Books from "../src/Books.ts"
import * as Deal from "../src/Deal.ts"
import type * as Peer from "../src/Peer.ts"
import * as Stage from "../src/Stage.ts"

const { price } = Deal

/** A new title, a cleared screen, a hidden half, a line over the one before, and one-byte forms. */
const evil = "\u001b]0;owned\u0007\u001b[2J\u001b[8m\u202egpj.exe\u200b\r\u0000\u009b2Jyou paid 0"

const profile = { name: evil, announcement: { about: evil, models: [evil] } }

/** Nobody types. */
const keyboard = Layer.succeed(
  Terminal.Terminal,
  Terminal.make({
    columns: Effect.succeed(80),
    rows: Effect.succeed(24),
    size: Effect.never,
    readInput: Effect.die("nobody types"),
    readLine: Effect.die("nobody types"),
    display: () => Effect.void
  })
)

/** Everything that a person sees on a terminal, stdout and stderr in one. */
const terminal = (args: ReadonlyArray<string> = []) => {
  const written: Array<string> = []
  const sink = () =>
    Sink.forEach((text: string | Uint8Array) => Effect.sync(() => void written.push(String(text))))
  return {
    seen: () => written.join(""),
    layer: Output.layer.pipe(
      Layer.provide(keyboard),
      Layer.provideMerge(
        Stdio.layerTest({
          args: Effect.succeed(args),
          stdoutIsTerminal: Effect.succeed(true),
          stderrIsTerminal: Effect.succeed(true),
          stdout: sink,
          stderr: sink
        })
      )
    )
  }
}

/** How the command itself rewrites its line of progress. */
const ownErasure = "\r\u001b[2K"

const assertHarmless = (seen: string): void => {
  assert.include(seen, "you paid 0")
  assert.notMatch(seen.replaceAll(ownErasure, ""), /(?![\n\t])\p{Cc}|[\u200b\u202a-\u202e]/u)
}

/** `farthing ask` on a terminal, to its end. */
const ask = (script: Peer.Script, args?: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { customer, peer } = yield* Deal.meet(script, { profile })
    const screen = terminal(args)
    yield* Telling.tell(customer.client.streamInference({ prompt: "hello", budget: Deal.budget }), {
      stream: Option.some(true)
    }).pipe(Effect.catchCause(Failure.report), Effect.provide(screen.layer))
    return { customer, peer, seen: screen.seen() }
  })

const delivers =
  (...texts: ReadonlyArray<string>): Peer.Script =>
  (job) =>
    Effect.gen(function* () {
      yield* Effect.flatMap(job.invoice(price), job.isPaid)
      for (const [seq, text] of texts.entries())
        yield* job.chunk(seq, text, {
          ...(seq === texts.length - 1 && {
            is_final: true,
            sha256: hash("sha256", texts.join("")),
            finish_reason: evil
          })
        })
    })

layer(Stage.layer, { excludeTestServices: true, concurrent: true })(
  "what providers write",
  (it) => {
    it.effect("names, models and texts full of escape sequences do nothing to a terminal", () =>
      Effect.gen(function* () {
        const { customer, peer, seen } = yield* ask(delivers(evil, evil))
        assertHarmless(seen)
        // What was bought is kept as it came.
        const [receipt] = yield* customer.client.receipts()
        assert.strictEqual(receipt?.text, evil + evil)
        assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
        assert.strictEqual((yield* Deal.recordOf(customer, peer)).delivered, 1)
      })
    )

    it.effect("an escape sequence that is cut into pieces does nothing to a terminal", () =>
      Effect.gen(function* () {
        const { seen } = yield* ask(delivers(...evil, "you paid 0"))
        assertHarmless(seen)
      })
    )

    it.effect("a refusal full of escape sequences does nothing to a terminal", () =>
      Effect.gen(function* () {
        const { customer, seen } = yield* ask((job) =>
          job.say({
            type: "JobError",
            request_id: job.event.id,
            code: evil,
            message: evil
          })
        )
        assertHarmless(seen)
        assert.deepStrictEqual(yield* Books.of(customer), Books.untouched)
      })
    )

    it.effect(
      "a failure after the payment full of escape sequences does nothing to a terminal",
      () =>
        Effect.gen(function* () {
          const { customer, seen } = yield* ask((job) =>
            Effect.gen(function* () {
              yield* Effect.flatMap(job.invoice(price), job.isPaid)
              yield* job.say({
                type: "JobError",
                request_id: job.event.id,
                code: "inference_failed",
                message: evil
              })
            })
          )
          assertHarmless(seen)
          assert.deepStrictEqual(yield* Books.of(customer), Books.paid(price))
        })
    )

    it.effect("escape sequences in JSON do nothing to a terminal, and are all there", () =>
      Effect.gen(function* () {
        const { seen } = yield* ask(delivers(evil), ["--json"])
        assertHarmless(seen)
        const told = seen
          .split("\n")
          .filter((line) => line.startsWith("{"))
          .map((line): unknown => JSON.parse(line))
        assert.isTrue(told.some((one) => JSON.stringify(one).includes(JSON.stringify(evil))))
      })
    )
  }
)
