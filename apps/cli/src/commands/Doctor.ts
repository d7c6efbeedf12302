/** `farthing doctor`: looks at everything a purchase needs and says what is wrong. */
import { Treasury } from "@farthing/budget"
import { ComputeClient } from "@farthing/compute"
import { Key, Secp256k1, Text } from "@farthing/protocol"
import { Relay } from "@farthing/relay"
import { Wallet } from "@farthing/wallet"
import { Duration, Effect, Option } from "effect"
import { Command } from "effect/cli"
import { Config, Home, Identity } from "farthing"
import * as Market from "../Market.ts"
import { Output } from "../Output.ts"
import * as Readiness from "../Readiness.ts"
import * as Show from "../Show.ts"
import { Unwell } from "../Unwell.ts"

type Verdict = "ok" | "warning" | "failed"

interface Finding {
  readonly verdict: Verdict
  readonly about: string
  readonly says: string
}

const ok = (about: string, says: string): Finding => ({ verdict: "ok", about, says })

const messageOf = (error: { readonly message: string }): string => Text.printable(error.message)

/** What a check says, and what it says where it fails. */
const check = <R>(
  about: string,
  says: Effect.Effect<string, { readonly message: string }, R>,
  otherwise: Verdict = "failed"
): Effect.Effect<Finding, never, R> =>
  Effect.match(says, {
    onSuccess: (text) => ok(about, text),
    onFailure: (error) => ({ verdict: otherwise, about, says: messageOf(error) })
  })

const node = Effect.sync(() => ok("node", process.version))

const curve = Effect.sync((): Finding =>
  Secp256k1.implementation === "native"
    ? ok("curve", "native (libsecp256k1)")
    : {
        verdict: "warning",
        about: "curve",
        says: `${Secp256k1.implementation}: slower; the optional package secp256k1 did not load here`
      }
)

const home = Effect.map(Home.Home, ({ path }) => ok("home", path))

const configuration = Effect.map(Config.Config, ({ file, network }) =>
  ok(
    "configuration",
    `${Option.getOrElse(file, () => "defaults and environment (no file)")}, ${network}`
  )
)

const identity = Effect.map(Identity.Identity, ({ publicKey, source }) =>
  ok("identity", `${Key.formatPublic(publicKey)} from ${source}`)
)

/** Each relay is asked on its own, for the newest announcement it has. */
const relays = Effect.gen(function* () {
  const { relays } = yield* Config.Config
  return yield* Effect.forEach(
    relays.urls,
    (url) =>
      check(
        `relay ${url}`,
        Effect.scoped(
          Effect.gen(function* () {
            const relay = yield* Relay.make({ urls: [url] })
            const [took] = yield* Effect.timed(
              relay.query([{ kinds: [31_990], limit: 1 }], { timeout: "5 seconds" })
            )
            return `answers in ${Show.seconds(Duration.toMillis(took))}`
          })
        )
      ),
    { concurrency: "unbounded" }
  )
})

const providers = check(
  "providers",
  Effect.gen(function* () {
    const client = yield* ComputeClient.ComputeClient
    const found = yield* client.discoverProviders("3 seconds")
    return `${found.length} ${found.length === 1 ? "sells" : "sell"} now`
  }),
  "warning"
)

const wallet = check(
  "wallet",
  Effect.gen(function* () {
    const wallet = yield* Wallet.Wallet
    const [info, balance] = yield* Readiness.reaching(
      Effect.all([Readiness.walletInfo, wallet.balance], { concurrency: "unbounded" })
    )
    const { htlc, lock } = info.capabilities
    const locks = lock || htlc ? "can lock money" : "cannot lock money: upfront only"
    return `${Text.printable(info.alias, 40) || "answers"}, ${Show.balance(balance)} on ${info.network}, ${locks}`
  })
)

const budget = check(
  "budget",
  Effect.gen(function* () {
    const treasury = yield* Treasury.Treasury
    const { frozen, limits, spentToday, unknown } = yield* treasury.status
    const parts = [
      `${Show.cost(spentToday)} spent today`,
      ...(limits.length === 0 ? ["no limits"] : []),
      ...(unknown === 0 ? [] : [`${Show.cost(unknown)} unknown: run \`farthing jobs recover\``]),
      ...(frozen === undefined ? [] : [`frozen: ${frozen}`])
    ]
    return parts.join(", ")
  })
)

const marks: Readonly<Record<Verdict, string>> = { ok: "✓", warning: "!", failed: "✗" }

export const command = Command.make(
  "doctor",
  {},
  Effect.fnUntraced(function* () {
    const output = yield* Output
    const settled = [yield* node, yield* curve, yield* home, yield* configuration, yield* identity]
    yield* output.progress("asking relays and wallet …")
    const [atRelays, ...asked] = yield* Effect.all([relays, providers, wallet, budget], {
      concurrency: "unbounded"
    })
    const findings = [...settled, ...atRelays, ...asked]
    if (output.json) yield* output.value(findings)
    else
      for (const { about, says, verdict } of findings)
        yield* output.line(`${marks[verdict]} ${about}: ${says}`)
    const failed = findings.filter(({ verdict }) => verdict === "failed")
    if (failed.length > 0)
      return yield* new Unwell({
        message: `not well: ${failed.map(({ about }) => about).join(", ")}`
      })
  })
).pipe(
  Command.withDescription("Check everything that a purchase needs"),
  Command.provide(Market.examiner)
)
