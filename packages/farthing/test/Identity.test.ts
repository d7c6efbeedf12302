import { assert, describe, it } from "@effect/vitest"
import { Key } from "@farthing/protocol"
import { Effect, FileSystem, Layer, Option, Redacted } from "effect"
import { execFile, execFileSync } from "node:child_process"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Config from "../src/Config.ts"
import * as Environment from "../src/Environment.ts"
import * as Home from "../src/Home.ts"
import * as Identity from "../src/Identity.ts"
import * as TestHome from "./TestHome.ts"

// The vectors of NIP-06 and NIP-19.
const mnemonic = "leader monkey parrot ring guide accident before fence cannon height naive bean"
const mnemonicKey = "17162c921dc4d2518f9a101db33695df1afb56ab82f5ff3e5da6eec3ca5cd917"
const nsec = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"
const nsecKey = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"

/** Runs in a new home, with these variables and this configuration. */
const inHome = <A, E>(
  effect: Effect.Effect<A, E, Config.Config | Home.Home | FileSystem.FileSystem>,
  options: {
    readonly environment?: Readonly<Record<string, string>>
    readonly toml?: string
    readonly files?: Readonly<Record<string, readonly [content: string, mode: number]>>
  } = {}
) =>
  Effect.gen(function* () {
    const fileSystem = yield* FileSystem.FileSystem
    const home = yield* Home.Home
    yield* fileSystem.writeFileString(home.config, options.toml ?? "")
    for (const [name, [content, mode]] of Object.entries(options.files ?? {})) {
      yield* fileSystem.writeFileString(`${home.path}/${name}`, content)
      yield* fileSystem.chmod(`${home.path}/${name}`, mode)
    }
    return yield* Effect.provide(effect, Config.layer())
  }).pipe(Effect.provide(TestHome.layer), TestHome.withEnvironment(options.environment ?? {}))

const keyWith = (options: Parameters<typeof inHome>[1]) =>
  Effect.map(inHome(Identity.loadOrCreate, options), ({ publicKey }) => publicKey)

const refusal = (options: Parameters<typeof inHome>[1]) =>
  Effect.map(Effect.flip(inHome(Identity.loadOrCreate, options)), (error) => {
    if (error._tag !== "IdentityInvalid") throw error
    return error.message
  })

describe("The identity comes", () => {
  it.effect("from a key in the environment", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* keyWith({ environment: { FARTHING_IDENTITY_NSEC: nsec } }), nsecKey)
    })
  )

  it.effect("from a mnemonic in the environment (NIP-06)", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* keyWith({ environment: { FARTHING_IDENTITY_MNEMONIC: mnemonic } }),
        mnemonicKey
      )
    })
  )

  it.effect("from a file that the configuration names", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* keyWith({ toml: '[identity]\nnsec_file = "key"', files: { key: [nsec, 0o600] } }),
        nsecKey
      )
      assert.strictEqual(
        yield* keyWith({
          toml: '[identity]\nmnemonic_file = "words"',
          files: { words: [`${mnemonic}\n`, 0o600] }
        }),
        mnemonicKey
      )
    })
  )

  it.effect("from the home", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* keyWith({ files: { "identity.nsec": [nsec, 0o600] } }), nsecKey)
    })
  )

  it.effect("from the environment rather than from any file", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* keyWith({
          environment: { FARTHING_IDENTITY_MNEMONIC: mnemonic },
          toml: '[identity]\nnsec_file = "none"',
          files: { "identity.nsec": [nsec, 0o600] }
        }),
        mnemonicKey
      )
    })
  )
})

describe("An identity that is not there", () => {
  it.effect("is made once, for its owner alone, and stays", () =>
    inHome(
      Effect.gen(function* () {
        const fileSystem = yield* FileSystem.FileSystem
        const home = yield* Home.Home
        assert.deepStrictEqual(yield* Identity.find, Option.none())

        const made = yield* Identity.loadOrCreate
        assert.isTrue(made.created)
        assert.strictEqual(made.source, home.identity)
        assert.strictEqual(Key.publicKeyOf(made.secretKey), made.publicKey)
        const info = yield* fileSystem.stat(home.identity)
        assert.strictEqual(info.mode & 0o777, 0o600)
        assert.strictEqual(
          yield* fileSystem.readFileString(home.identity),
          `${Redacted.value(Key.formatSecret(made.secretKey))}\n`
        )

        const again = yield* Identity.loadOrCreate
        assert.isFalse(again.created)
        assert.strictEqual(again.publicKey, made.publicKey)
        assert.sameMembers(yield* fileSystem.readDirectory(home.path), [
          "farthing.toml",
          "identity.nsec"
        ])
      })
    )
  )

  it.effect("is also made where the configuration names the home's own file", () =>
    Effect.gen(function* () {
      const made = yield* inHome(Identity.loadOrCreate, {
        toml: '[identity]\nnsec_file = "identity.nsec"'
      })
      assert.isTrue(made.created)
    })
  )

  it.effect("is not made in place of another file, whose name may be mistyped", () =>
    Effect.gen(function* () {
      assert.include(yield* refusal({ toml: '[identity]\nnsec_file = "keys"' }), "does not exist")
    })
  )

  it.effect("is made once by fifty fibers", () =>
    inHome(
      Effect.gen(function* () {
        const made = yield* Effect.all(
          Array.from({ length: 50 }, () => Identity.loadOrCreate),
          {
            concurrency: "unbounded"
          }
        )
        assert.strictEqual(new Set(made.map(({ publicKey }) => publicKey)).size, 1)
        assert.strictEqual(made.filter(({ created }) => created).length, 1)
      })
    )
  )

  it.live(
    "is made once by processes that start together",
    () =>
      inHome(
        Effect.gen(function* () {
          const home = yield* Home.Home
          const fileSystem = yield* FileSystem.FileSystem
          const outputs = yield* Effect.all(
            Array.from({ length: 4 }, () => createInProcess(home.path)),
            { concurrency: "unbounded" }
          )
          const made = outputs.flatMap((output) => output.trim().split("\n"))
          assert.strictEqual(made.length, 32)
          assert.strictEqual(new Set(made.map((line) => line.split(" ")[0])).size, 1)
          assert.strictEqual(made.filter((line) => line.endsWith(" created")).length, 1)
          assert.sameMembers(yield* fileSystem.readDirectory(home.path), [
            "farthing.toml",
            "identity.nsec"
          ])
        })
      ),
    60_000
  )
})

/** Eight at once in a process of their own; a line for each. */
const createInProcess = (home: string) =>
  Effect.callback<string, Error>((resume) => {
    execFile(
      process.execPath,
      [fileURLToPath(new URL("identity-process.ts", import.meta.url))],
      {
        env: { FARTHING_HOME: home, NODE_COMPILE_CACHE: join(tmpdir(), "farthing-compile-cache") }
      },
      (error, stdout) => resume(error === null ? Effect.succeed(stdout) : Effect.fail(error))
    )
  })

describe("An identity that cannot be used is an error that says what to do", () => {
  it.effect("two in the environment", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* refusal({
          environment: { FARTHING_IDENTITY_NSEC: nsec, FARTHING_IDENTITY_MNEMONIC: mnemonic }
        }),
        "There are two identities, FARTHING_IDENTITY_NSEC and FARTHING_IDENTITY_MNEMONIC, and only one can count. Take one of them away."
      )
    })
  )

  it.effect("two files", () =>
    Effect.gen(function* () {
      assert.include(
        yield* refusal({ toml: '[identity]\nnsec_file = "a"\nmnemonic_file = "b"' }),
        "two identities"
      )
    })
  )

  it.effect.each<[string, Parameters<typeof inHome>[1], string]>([
    [
      "a key whose checksum is wrong",
      { environment: { FARTHING_IDENTITY_NSEC: nsec.replace("vl029", "vl028") } },
      "expected nsec1"
    ],
    [
      "a public key",
      {
        environment: {
          FARTHING_IDENTITY_NSEC: "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"
        }
      },
      "expected nsec1"
    ],
    [
      "a mnemonic whose checksum is wrong",
      { environment: { FARTHING_IDENTITY_MNEMONIC: mnemonic.replace("leader", "monkey") } },
      "12 to 24 English words"
    ],
    ["an empty file", { files: { "identity.nsec": ["\n", 0o600] } }, "It is empty."],
    [
      "a file with something else",
      { files: { "identity.nsec": ["hello", 0o600] } },
      "identity.nsec"
    ],
    ["a file that others can read", { files: { "identity.nsec": [nsec, 0o644] } }, "chmod 600"]
  ])("%s", ([, options, hint]) =>
    Effect.gen(function* () {
      const message = yield* refusal(options)
      assert.include(message, hint)
      for (const secret of [nsec.slice(12), "parrot ring", "hello", "0elfcs4fr"])
        assert.notInclude(message, secret)
    })
  )

  it.effect("a folder in its place", () =>
    inHome(
      Effect.gen(function* () {
        const fileSystem = yield* FileSystem.FileSystem
        const home = yield* Home.Home
        yield* fileSystem.makeDirectory(home.identity)
        const error = yield* Effect.flip(Identity.loadOrCreate)
        assert.strictEqual(error._tag, "IdentityInvalid")
      })
    )
  )
})

describe("A pipe", () => {
  it.effect("is refused at once, and nobody waits for what may come out of it", () =>
    inHome(
      Effect.gen(function* () {
        const home = yield* Home.Home
        yield* Effect.sync(() => execFileSync("mkfifo", ["-m", "600", home.identity]))
        const error = yield* Effect.flip(Identity.loadOrCreate)
        assert.include(error.message, "no regular file")
      })
    )
  )
})

describe("The layer", () => {
  it.effect("gives the identity, and never shows its secret", () =>
    Effect.gen(function* () {
      const identity = yield* Identity.Identity
      assert.strictEqual(identity.publicKey, nsecKey)
      assert.strictEqual(identity.source, "FARTHING_IDENTITY_NSEC")
      assert.notInclude(JSON.stringify(identity), Redacted.value(identity.secretKey))
    }).pipe(
      Effect.provide(
        Identity.layer.pipe(
          Layer.provide(Config.layer()),
          Layer.provide(TestHome.layer),
          Layer.provide(Layer.succeed(Environment.Environment)({ FARTHING_IDENTITY_NSEC: nsec }))
        )
      )
    )
  )

  it.effect("gives a provider a key of its own, so that nobody trades with themselves", () =>
    inHome(
      Effect.gen(function* () {
        const home = yield* Home.Home
        const customer = yield* Effect.provide(Identity.Identity, Identity.layer)
        const provider = yield* Effect.provide(Identity.Identity, Identity.layerProvider)
        const again = yield* Effect.provide(Identity.Identity, Identity.layerProvider)
        assert.strictEqual(provider.source, home.providerIdentity)
        assert.notStrictEqual(provider.publicKey, customer.publicKey)
        assert.strictEqual(again.publicKey, provider.publicKey)
      })
    )
  )

  it.effect("gives a provider the last account of the words that init made (NIP-06)", () =>
    inHome(
      Effect.gen(function* () {
        const customer = yield* Effect.provide(Identity.Identity, Identity.layer)
        const provider = yield* Effect.provide(Identity.Identity, Identity.layerProvider)
        assert.strictEqual(customer.publicKey, mnemonicKey)
        const last = yield* Key.fromMnemonic(Redacted.make(mnemonic), 2_147_483_647)
        assert.strictEqual(provider.publicKey, Key.publicKeyOf(last))
        assert.deepStrictEqual(
          Option.map(yield* Identity.findProvider, ({ publicKey }) => publicKey),
          Option.some(provider.publicKey)
        )
      }),
      {
        toml: '[identity]\nmnemonic_file = "identity.mnemonic"',
        files: { "identity.mnemonic": [mnemonic, 0o600] }
      }
    )
  )
})
