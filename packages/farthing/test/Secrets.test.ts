import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Option, Redacted } from "effect"
import * as Config from "../src/Config.ts"
import * as Home from "../src/Home.ts"
import { load, nwcUri, refusal, secret, wallet } from "./TestConfig.ts"
import * as TestHome from "./TestHome.ts"

/** A configuration whose wallet is named in a file of this mode. */
const withFile = (mode: number, content: string) =>
  Effect.gen(function* () {
    const fileSystem = yield* FileSystem.FileSystem
    const home = yield* Home.Home
    yield* fileSystem.writeFileString(home.config, '[wallet]\nnwc_uri_file = "wallet.nwc"')
    yield* fileSystem.writeFileString(`${home.path}/wallet.nwc`, content)
    yield* fileSystem.chmod(`${home.path}/wallet.nwc`, mode)
    return yield* Config.load()
  })

describe("Secrets", () => {
  it.effect.each<[string, string]>([
    ["identity", "nsec"],
    ["identity", "mnemonic"],
    ["wallet", "nwc_uri"],
    ["wallet", "mnemonic"]
  ])("have no place in the file: %s.%s", ([section, key]) =>
    Effect.gen(function* () {
      const message = yield* refusal(`[${section}]\n${key} = "${secret}"`)
      assert.include(message, `${section}.${key} is a secret and must not stand here`)
      assert.include(message, `FARTHING_${section}_${key}`.toUpperCase())
      assert.include(message, `${section}.${key}_file`)
      assert.notInclude(message, secret)
    })
  )

  it.effect("are not shown when they stand in the wrong place", () =>
    Effect.gen(function* () {
      const nsec = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"
      for (const toml of [
        `network = "${nsec}"`,
        `[identity]\nnsec_file = ["${nsec}"]`,
        `${nsec} = 1`,
        `[wallet]\nkind = ${nsec}`,
        `[wallet]\nkind = "${nwcUri}"`,
        `[telemetry]\notlp_url = "${secret}"`
      ])
        for (const part of [nsec.slice(5, 30), secret.slice(5, 30)])
          assert.notInclude(yield* refusal(toml), part)
      for (const name of ["FARTHING_NETWORK", "FARTHING_WALLET_NWC_URI", "FARTHING_WALLET_KIND"])
        assert.notInclude(
          yield* refusal(undefined, { [name]: `${nwcUri.replace("relay", "really")}` }),
          secret
        )
    })
  )

  it.effect("come from the environment", () =>
    Effect.gen(function* () {
      const config = yield* load(undefined, {
        FARTHING_WALLET_NWC_URI: ` ${nwcUri}\n`,
        FARTHING_IDENTITY_NSEC: "nsec1whatever"
      })
      const uri = Option.getOrThrow(config.wallet.nwcUri)
      assert.strictEqual(uri.wallet, wallet)
      assert.strictEqual(Redacted.value(uri.secret), secret)
      assert.notInclude(JSON.stringify(config), secret)
      assert.notInclude(JSON.stringify(config), "nsec1whatever")
    })
  )

  it.effect("that are empty are refused, because something else was meant", () =>
    Effect.gen(function* () {
      for (const name of ["FARTHING_IDENTITY_NSEC", "FARTHING_WALLET_NWC_URI"])
        assert.include(yield* refusal(undefined, { [name]: " " }), name)
    })
  )

  it.effect("come from a file that only its owner can read", () =>
    Effect.gen(function* () {
      const config = yield* withFile(0o600, `${nwcUri}\n`)
      assert.strictEqual(Option.getOrThrow(config.wallet.nwcUri).wallet, wallet)
    }).pipe(Effect.provide(TestHome.layer), TestHome.withEnvironment({}))
  )

  it.effect.each([0o640, 0o604, 0o644, 0o620])(
    "of a file that others can reach are refused, with the command that helps (%o)",
    (mode) =>
      Effect.gen(function* () {
        const home = yield* Home.Home
        const error = yield* Effect.flip(withFile(mode, nwcUri))
        assert.include(error.message, `chmod 600 ${home.path}/wallet.nwc`)
        assert.notInclude(error.message, secret)
      }).pipe(Effect.provide(TestHome.layer), TestHome.withEnvironment({}))
  )

  it.effect("of a file that holds something else are refused without showing it", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(withFile(0o600, nwcUri.replace("relay", "really")))
      assert.include(error.message, "names no relay")
      assert.notInclude(error.message, secret)
    }).pipe(Effect.provide(TestHome.layer), TestHome.withEnvironment({}))
  )

  it.effect("of a file that is not there are refused", () =>
    Effect.gen(function* () {
      assert.include(yield* refusal('[wallet]\nnwc_uri_file = "none"'), "It does not exist.")
    })
  )

  it.effect.each<[number, string, boolean]>([
    [0o440, "", true],
    [0o444, "", false],
    [0o460, "", false],
    [0o440, "/elsewhere", false]
  ])(
    "a service manager may hand them over with an access list: mode %o, folder %s: %s",
    ([mode, elsewhere, isTaken]) =>
      Effect.gen(function* () {
        const home = yield* Home.Home
        const taken = yield* withFile(mode, nwcUri).pipe(
          TestHome.withEnvironment({ CREDENTIALS_DIRECTORY: `${home.path}${elsewhere}/` }),
          Effect.isSuccess
        )
        assert.strictEqual(taken, isTaken)
      }).pipe(Effect.provide(TestHome.layer))
  )
})
