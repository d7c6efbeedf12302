/** What `deploy/` says about the worker is true. */
import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Key } from "@farthing/protocol"
import { Duration, Effect, Exit, FileSystem, Layer, Option, Redacted } from "effect"
import { Config, Environment, Home, Identity } from "farthing"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import manifest from "../package.json" with { type: "json" }
import * as Cli from "../../cli/test/support/Cli.ts"
import * as ExitCode from "../src/ExitCode.ts"
import * as Workers from "./support/Workers.ts"

const root = fileURLToPath(new URL("../../../", import.meta.url))
const text = (name: string) => readFileSync(`${root}deploy/${name}`, "utf8")

const [program] = Object.keys(manifest.bin)
const bundle = manifest.publishConfig.bin["farthing-worker"].replace("./", "")

/** `key=value`, in the order in which they stand; a key may stand several times. */
const directives = (unit: string): ReadonlyMap<string, ReadonlyArray<string>> => {
  const lines = unit.split("\n").filter((line) => line !== "" && !/^[#;]/.test(line))
  const found = new Map<string, Array<string>>()
  let section = ""
  for (const line of lines) {
    const heading = /^\[(Unit|Service|Install)\]$/.exec(line)?.[1]
    if (heading !== undefined) section = heading
    else {
      const [, key = "", value = ""] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? []
      assert.notStrictEqual(key, "", `no directive: ${line}`)
      const name = `${section}.${key}`
      found.set(name, [...(found.get(name) ?? []), value])
    }
  }
  return found
}

const unit = directives(text("farthing-worker.service"))
const service = (key: string) => unit.get(`Service.${key}`) ?? []

/** Somebody's settings, from the example and an environment. */
const settings = (environment: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    return { config: yield* Config.Config, identity: yield* Identity.Identity }
  }).pipe(
    Effect.provide(
      Identity.layerProvider.pipe(
        Layer.provideMerge(Config.layer({ path: `${root}deploy/farthing.toml` })),
        Layer.provide(Home.layer)
      )
    ),
    Effect.provideService(Environment.Environment, environment)
  )

describe("deploy/farthing.toml", () => {
  it.live("is a configuration, and what it leaves out counts as it says", () =>
    Effect.gen(function* () {
      const { config } = yield* settings({ FARTHING_HOME: yield* Cli.tempHome })
      assert.strictEqual(config.network, "mainnet")
      assert.deepStrictEqual(config.provider.backendUrl, Option.some("http://127.0.0.1:11434/v1"))
      assert.deepStrictEqual(config.worker, {
        sells: true,
        host: "127.0.0.1",
        port: 9464,
        stopWithin: Duration.seconds(30),
        logFormat: "json"
      })
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})

describe("deploy/farthing-worker.service", () => {
  it.live("starts what is published, with flags that there are", () =>
    Effect.gen(function* () {
      const [command, ...args] = (service("ExecStart")[0] ?? "").split(" ")
      assert.strictEqual(command, program)
      const help = yield* Workers.launch({}, ["--help"])
      assert.strictEqual(yield* help.exitCode, 0)
      for (const flag of args.filter((arg) => arg.startsWith("--")))
        assert.include(yield* help.output, flag)
    }).pipe(Effect.scoped, Effect.provide(Cli.layer))
  )

  it.live("hands home and secrets over as the configuration expects them", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const state = yield* Cli.tempHome
      const credentials = yield* Cli.tempHome
      const key = Key.generate()
      const wallet = `nostr+walletconnect://${"b8".repeat(32)}?relay=wss%3A%2F%2Frelay.example.com&secret=${"71".repeat(32)}`
      const secrets: Readonly<Record<string, string>> = {
        "wallet.nwc": wallet,
        "provider.nsec": Redacted.value(Key.formatSecret(key))
      }
      for (const credential of service("LoadCredential")) {
        const [name = ""] = credential.split(":")
        assert.property(secrets, name)
        yield* fs.writeFileString(`${credentials}/${name}`, secrets[name] ?? "")
        yield* fs.chmod(`${credentials}/${name}`, 0o440)
      }
      const variables = service("Environment").map((assignment) => {
        const [name = "", value = ""] = assignment.split("=")
        return [name, value.replace("%d", credentials).replace("%S", state)] as const
      })
      const { config, identity } = yield* settings({
        CREDENTIALS_DIRECTORY: credentials,
        ...Object.fromEntries(variables)
      })
      assert.isTrue(Option.isSome(config.wallet.nwcUri))
      assert.strictEqual(identity.publicKey, Key.publicKeyOf(key))
      assert.isTrue(existsSync(`${state}/${service("StateDirectory")[0]}`))
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )

  it.live("gives running jobs their time, and restarts nothing that is configured wrongly", () =>
    Effect.gen(function* () {
      const { config } = yield* settings({ FARTHING_HOME: yield* Cli.tempHome })
      const seconds = Number(/^(\d+)s$/.exec(service("TimeoutStopSec")[0] ?? "")?.[1])
      assert.isAtLeast(seconds, Duration.toSeconds(config.worker.stopWithin) + 10)
      assert.deepStrictEqual(service("KillSignal"), ["SIGTERM"])
      assert.deepStrictEqual(service("Restart"), ["on-failure"])
      const invalid = yield* Effect.exit(
        settings({ FARTHING_HOME: yield* Cli.tempHome, FARTHING_WORKER_PORT: "none" })
      )
      assert.isTrue(Exit.isFailure(invalid))
      assert.deepStrictEqual(service("RestartPreventExitStatus"), [
        String(ExitCode.ofExit(invalid))
      ])
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )

  it("lets it do nothing that it need not do", () => {
    for (const key of ["DynamicUser", "NoNewPrivileges", "PrivateDevices", "LockPersonality"])
      assert.deepStrictEqual(service(key), ["yes"], key)
    assert.deepStrictEqual(service("ProtectSystem"), ["strict"])
    assert.deepStrictEqual(service("CapabilityBoundingSet"), [""])
    assert.deepStrictEqual(service("UMask"), ["0077"])
  })
})

describe("deploy/Containerfile", () => {
  const lines = text("Containerfile")
    .replace(/\\\n\s*/g, "")
    .split("\n")
  const instructions = (name: string) =>
    lines.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1))

  it("builds what is published, and runs it as nobody in particular", () => {
    assert.match(instructions("ENTRYPOINT")[0] ?? "", new RegExp(`/opt/${program}/${bundle}"`))
    assert.include(instructions("RUN")[1] ?? "", `--filter ${manifest.name} run build`)
    assert.match(instructions("USER").at(-1) ?? "root", /^[1-9]\d*:[1-9]\d*$/)
    assert.deepStrictEqual(instructions("STOPSIGNAL"), ["SIGTERM"])
    for (const image of instructions("FROM")) assert.match(image, /^\$\{NODE_IMAGE\}( AS build)?$/)
  })

  it("asks the worker for its health where it is served, and keeps books in a volume", () => {
    assert.match(instructions("HEALTHCHECK")[0] ?? "", /127\.0\.0\.1:9464\/healthz/)
    assert.deepStrictEqual(instructions("EXPOSE"), ["9464"])
    const [volume = ""] = instructions("VOLUME")
    assert.include(instructions("ENV")[0] ?? "", `FARTHING_HOME=${volume}`)
  })
})
