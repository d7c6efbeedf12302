import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import * as Cli from "./support/Cli.ts"
import * as ForeignWallet from "./support/ForeignWallet.ts"
import * as SharedMarket from "./support/SharedMarket.ts"

const secretOf = (env: Cli.Env): string =>
  new URL(env["FARTHING_WALLET_NWC_URI"] ?? "").searchParams.get("secret") ?? "none"

/** What a command prints, answers and errors. */
const printed = (env: Cli.Env) => (args: ReadonlyArray<string>) =>
  Effect.map(Cli.run(args, env), ({ stderr, stdout }) => `${args.join(" ")}\n${stdout}${stderr}`)

layer(SharedMarket.layer, { excludeTestServices: true })("what commands print", (it) => {
  it.effect("holds neither the key of the identity nor that of the wallet", () =>
    Effect.gen(function* () {
      const market = yield* SharedMarket.SharedMarket
      const fs = yield* FileSystem.FileSystem
      const env = yield* SharedMarket.bought()
      const nsec = (yield* fs.readFileString(`${env["FARTHING_HOME"]}/identity.nsec`)).trim()
      const mute = yield* ForeignWallet.serve(market.relay, {})
      const broken = { ...env, FARTHING_WALLET_NWC_URI: mute.uri }
      const jobs = yield* Cli.run(["jobs", "--json"], env)
      const [, id = ""] = /"request_id":"([0-9a-f]{64})"/.exec(jobs.stdout) ?? []
      const texts = yield* Effect.forEach(
        [
          ...[
            ["jobs", "show", id],
            ["jobs", "show", id, "--json"],
            ["receipts", "--export", "json"],
            ["budget", "audit", "--json"],
            ["doctor", "--json"],
            ["ask", "hello", "--json", "--log-level", "all"]
          ].map(printed(env)),
          printed(broken)(["doctor"])
        ],
        (text) => text,
        { concurrency: 2 }
      )
      assert.match(nsec, /^nsec1/)
      for (const text of texts)
        for (const secret of [nsec, secretOf(env), secretOf(broken)])
          assert.notInclude(text, secret)
    })
  )
})
