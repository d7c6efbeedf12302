/**
 * A market of real processes whose secrets are known: all goes well for a while, and then
 * everything goes wrong. What is left is what was printed, and what was written.
 */
import { Key } from "@farthing/protocol"
import { Context, Effect, FileSystem, Layer, Redacted, Schema } from "effect"
import * as Cli from "../../apps/cli/test/support/Cli.ts"
import * as BankSecrets from "./BankSecrets.ts"
import * as Leaks from "./Leaks.ts"
import * as Mishaps from "./Mishaps.ts"
import * as Processes from "./Processes.ts"
import * as Secret from "./Secret.ts"

export interface Shape extends BankSecrets.BankSecrets {
  /** Of people: keys, mnemonic, and the secrets of the connections to their wallets. */
  readonly secrets: ReadonlyArray<Secret.Secret>
  /** What each command printed, under the name of who ran it. */
  readonly printed: ReadonlyArray<Leaks.Trace>
  /** What everybody on the machine can see of the processes. */
  readonly visible: ReadonlyArray<Leaks.Trace>
  /** Every file and folder while everybody was at work. */
  readonly inUse: ReadonlyArray<Leaks.Entry>
  /** The same in the end. */
  readonly written: ReadonlyArray<Leaks.Entry>
}

export class Scene extends Context.Service<Scene, Shape>()("trials/secrets/Scene") {}

/** Runs before each command: no file is kept from anybody, and the process can be broken. */
const beforehand = `
  process.umask(0)
  process.on("SIGUSR2", () => { throw new Error("broken on purpose") })`

const loud = ["--log-level", "all"]

/** Enough for three purchases, and too little for a fourth. */
const balance = ["--balance-sats", "35"]

const DevLine = Schema.fromJsonString(
  Schema.Struct({
    relay: Schema.String,
    accounts: Schema.Array(Schema.Struct({ nwc: Schema.String }))
  })
)

const questions = [
  "doctor",
  "jobs",
  "jobs --json",
  "receipts",
  "receipts --json",
  "receipts --export json",
  "budget --json",
  "budget audit --json",
  "wallet transactions --json"
]

const play = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* Cli.tempHome
  yield* fs.makeDirectory(`${folder}/tmp`, { mode: 0o700 })
  const printed: Array<Leaks.Trace> = []
  const keep = (where: string, text: string) =>
    Effect.sync(() => printed.push({ where, bytes: Buffer.from(text) }))
  const secretFile = (name: string, text: string) =>
    Effect.as(fs.writeFileString(`${folder}/${name}`, text, { mode: 0o600 }), `${folder}/${name}`)
  const homeOf = (name: string): Cli.Env => ({
    FARTHING_HOME: `${folder}/${name}`,
    NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(beforehand)}`,
    XDG_CACHE_HOME: `${folder}/cache`,
    TMPDIR: `${folder}/tmp`
  })

  const dev = yield* Cli.start(
    ["dev", "--json", "--port", "0", "--no-provider", ...balance, ...loud],
    homeOf("market")
  )
  const { accounts, relay } = yield* Schema.decodeEffect(DevLine)(yield* dev.until('{"relay"'))
  const [customerUri = "", providerUri = ""] = accounts.map(({ nwc }) => nwc)

  const key = Key.generate()
  const customer = {
    ...homeOf("customer"),
    FARTHING_RELAYS_URLS: relay,
    FARTHING_WALLET_NWC_URI: customerUri,
    FARTHING_IDENTITY_NSEC: Redacted.value(Key.formatSecret(key))
  }
  const mnemonic = yield* Key.generateMnemonic
  const provider = {
    ...homeOf("provider"),
    FARTHING_RELAYS_URLS: relay,
    FARTHING_IDENTITY_MNEMONIC_FILE: yield* secretFile("mnemonic", Redacted.value(mnemonic)),
    FARTHING_WALLET_NWC_URI_FILE: yield* secretFile("wallet.nwc", providerUri)
  }

  /** Runs a command as the customer; some of its surroundings may be wrong. */
  const tryTo = Effect.fnUntraced(function* ({ command, wrong = {} }: Mishaps.Mishap) {
    const env = { ...customer, ...wrong }
    const { stderr, stdout } = yield* Cli.run([...command.split(" "), ...loud], env)
    yield* keep(`customer: ${command}`, `${stdout}\n${stderr}`)
  })
  const tryAll = (mishaps: ReadonlyArray<Mishaps.Mishap>) =>
    Effect.forEach(mishaps, tryTo, { concurrency: 4, discard: true })

  const shop = yield* Cli.start(["provider", ...loud], provider)
  yield* shop.until("online")
  const buying = yield* Cli.start(["ask", "What", "--json", ...loud], customer)
  yield* buying.until('"stage":"pay"')
  const visible = yield* Effect.forEach([dev, shop, buying], ({ pid }) =>
    Processes.publicTraces(pid)
  )
  const inUse = yield* Leaks.within(folder)
  yield* buying.exitCode
  yield* tryAll([{ command: "ask What" }, { command: "ask What --no-stream" }])
  yield* tryAll(questions.map((command) => ({ command })))
  const request = yield* Effect.fromNullishOr(
    /"request_id":"(\w+)"/.exec(printed.map(({ bytes }) => String(bytes)).join("\n"))?.[1]
  )
  yield* tryAll([{ command: `jobs show ${request}` }, { command: `jobs show ${request} --json` }])

  yield* fs.makeDirectory(`${folder}/broken`, { mode: 0o700 })
  yield* secretFile("broken/farthing.db", "this is no database")
  yield* tryAll(
    Mishaps.of({
      relay,
      customerUri,
      customerKey: key,
      mnemonic,
      newHome: homeOf("new"),
      brokenHome: homeOf("broken")
    })
  )
  yield* shop.kill("SIGUSR2")
  yield* dev.kill("SIGUSR2")
  yield* Effect.all([shop.exitCode, dev.exitCode])
  yield* keep("customer: ask", yield* buying.output)
  yield* keep("provider", yield* shop.output)
  yield* keep("market", yield* dev.output)

  return Scene.of({
    ...(yield* BankSecrets.read(`${folder}/market/devnet/bank.db`)),
    secrets: [
      Secret.ofKey("customer's key", key),
      Secret.ofHex("customer's wallet", secretIn(customerUri)),
      Secret.ofMnemonic("provider's mnemonic", mnemonic),
      Secret.ofKey("provider's key", yield* Key.fromMnemonic(mnemonic)),
      Secret.ofHex("provider's wallet", secretIn(providerUri))
    ],
    printed,
    visible: visible.flat(),
    inUse,
    written: yield* Leaks.within(folder)
  })
})

export const layer = Layer.effect(Scene, play).pipe(Layer.provide(Cli.layer))

const secretIn = (uri: string): string => new URL(uri).searchParams.get("secret") ?? ""
