import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import * as Cli from "./support/Cli.ts"

// The vectors of NIP-06.
const mnemonic = "leader monkey parrot ring guide accident before fence cannon height naive bean"
const npub = "npub1zutzeysacnf9rru6zqwmxd54mud0k44tst6l70ja5mhv8jjumytsd2x7nu"

const init = ["init", "--wallet", "spark"]

const inHome = <A, E, R>(use: (home: string, env: Cli.Env) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(Cli.tempHome, (home) => use(home, { FARTHING_HOME: home })).pipe(
    Effect.scoped,
    Effect.provide(Cli.layer)
  )

describe("farthing init --wallet spark", () => {
  it.live("makes words for a program, and shows them nowhere but in a file of the owner's", () =>
    inHome(
      Effect.fnUntraced(function* (home, env) {
        const fs = yield* FileSystem.FileSystem
        const made = yield* Cli.run(init, env)
        assert.strictEqual(made.code, 0, made.stderr)
        const file = `${home}/identity.mnemonic`
        const words = (yield* fs.readFileString(file)).trim()
        assert.strictEqual(words.split(" ").length, 12)
        assert.strictEqual((yield* fs.stat(file)).mode & 0o777, 0o600)
        assert.notInclude(made.stdout + made.stderr, words.split(" ").slice(0, 2).join(" "))
        assert.include(
          made.stdout,
          `words          ${file} (they restore identity and wallet: account 0)`
        )
        assert.include(made.stderr, "nobody has checked that the words are written down")
        assert.match(made.stdout, /^address {8}sparkrt1\w+$/m)
        const toml = yield* fs.readFileString(`${home}/farthing.toml`)
        for (const line of [
          /^kind = "spark"/m,
          /^account = 0/m,
          /^mnemonic_file = "identity.mnemonic"/m
        ])
          assert.match(toml, line)
        assert.isFalse(yield* fs.exists(`${home}/identity.nsec`))

        // Once more: the same words, the same identity.
        const again = yield* Cli.run([...init, "--force"], env)
        assert.strictEqual(again.stdout, made.stdout)
        assert.strictEqual((yield* fs.readFileString(file)).trim(), words)
        const other = yield* Cli.run(["init", "--force"], env)
        assert.include(other.stdout, /npub1\w+/.exec(made.stdout)?.[0] ?? "?")
      })
    )
  )

  it.live("takes words that somebody has", () =>
    inHome(
      Effect.fnUntraced(function* (home, env) {
        const restored = yield* Cli.run([...init, "--restore", "--json"], env, `${mnemonic}\n`)
        assert.strictEqual(restored.code, 0, restored.stderr)
        assert.deepStrictEqual(JSON.parse(restored.stdout), {
          config: `${home}/farthing.toml`,
          npub,
          identity: `${home}/identity.mnemonic`,
          wallet: "spark",
          words: `${home}/identity.mnemonic`,
          account: 0,
          address: "sparkrt1pgss9d2z5l8gkvpth6z8vng0dlcat6cs7uv6n4kclfrxett6um3gqnmyqscnsc"
        })
      })
    )
  )

  it.live("leaves an identity that is there as it is: the words are the wallet's alone", () =>
    inHome(
      Effect.fnUntraced(function* (home, env) {
        const fs = yield* FileSystem.FileSystem
        const first = yield* Cli.run(["init", "--json"], env)
        const second = yield* Cli.run([...init, "--force", "--json"], env)
        assert.strictEqual(JSON.parse(second.stdout).npub, JSON.parse(first.stdout).npub)
        assert.strictEqual(JSON.parse(second.stdout).words, `${home}/wallet.mnemonic`)
        assert.match(
          yield* fs.readFileString(`${home}/farthing.toml`),
          /^mnemonic_file = "wallet.mnemonic"/m
        )
      })
    )
  )

  it.live("uses the words of the environment, and writes none", () =>
    inHome(
      Effect.fnUntraced(function* (home, env) {
        const fs = yield* FileSystem.FileSystem
        const made = yield* Cli.run([...init, "--json"], {
          ...env,
          FARTHING_IDENTITY_MNEMONIC: mnemonic
        })
        assert.strictEqual(JSON.parse(made.stdout).npub, npub)
        assert.deepStrictEqual(yield* fs.readDirectory(home), ["farthing.toml"])
      })
    )
  )

  const refusals: ReadonlyArray<readonly [string, ReadonlyArray<string>, string, RegExp]> = [
    ["words that are none, without showing them", ["--restore"], "leader monkey", /12 to 24/],
    [
      "words whose checksum is wrong",
      ["--restore"],
      mnemonic.replace("bean", "leader"),
      /checksum/
    ],
    ["no words at all", ["--restore"], "", /stdin/],
    [
      "a network that Spark does not know",
      ["--network", "signet"],
      "",
      /Spark does not know signet/
    ]
  ]

  for (const [name, args, stdin, says] of refusals)
    it.live(`refuses ${name}`, () =>
      inHome(
        Effect.fnUntraced(function* (home, env) {
          const fs = yield* FileSystem.FileSystem
          const refused = yield* Cli.run([...init, ...args], env, stdin)
          assert.strictEqual(refused.code, 2, refused.stderr)
          assert.match(refused.stderr, says)
          assert.notInclude(refused.stderr, "monkey")
          assert.deepStrictEqual(yield* fs.readDirectory(home), [])
        })
      )
    )

  it.live("does not put other words in the place of those that are there", () =>
    inHome(
      Effect.fnUntraced(function* (_home, env) {
        yield* Cli.run(init, env)
        const refused = yield* Cli.run([...init, "--force", "--restore"], env, mnemonic)
        assert.strictEqual(refused.code, 2)
        assert.include(refused.stderr, "there are words already")
      })
    )
  )
})
