/** What a process of its own lives in: the database of its first argument, and whoever started it. */
import { Sqlite } from "@farthing/sqlite"
import { Payer } from "@farthing/wallet"
import { Effect, Layer } from "effect"
import type { Limits } from "../src/Limits.ts"
import * as Treasury from "../src/Treasury.ts"
import { fee, open, seconds, wallet, worldIn } from "./Fixture.ts"
import { pausing } from "./Pausing.ts"

const [filename = ""] = process.argv.slice(2)

export const say = (line: string) => Effect.sync(() => process.stdout.write(`${line}\n`))

export const told = Effect.callback<void>((resume) => {
  process.stdin.once("data", () => {
    process.stdin.unref()
    resume(Effect.void)
  })
})

/** Short enough that nobody has to wait long for the dead. */
const lease = seconds(2)

const limits = { maxFee: fee, maxFeePercent: 0 }

export const world = (
  more: Partial<Limits> = {},
  options: { readonly lease?: typeof lease } = {}
) => worldIn(Sqlite.layer({ filename }), { ...limits, ...more }, options)

/** One whose processes are soon taken for dead. */
export const mortal = world({}, { lease })

/** One that waits, once it has reserved, until it is told. */
export const pausingWorld = worldIn(
  pausing(filename, Effect.andThen(say("reserved"), told)),
  limits,
  { lease }
)

/** One whose wallet is not quite its own. */
export const at = (change: (payer: Payer.Shape) => Partial<Payer.Shape>) =>
  Treasury.layer({ network: "regtest", limits: { ...open, ...limits }, lease }).pipe(
    Layer.provide(
      Layer.effect(
        Payer.Payer,
        Effect.map(Payer.Payer, (payer) => ({ ...payer, ...change(payer) }))
      )
    ),
    Layer.provideMerge(wallet),
    Layer.provideMerge(Sqlite.layer({ filename }))
  )
