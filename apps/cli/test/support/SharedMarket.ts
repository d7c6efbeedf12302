/** One market for the tests of a file, each of which is a customer with an account of its own. */
import { Context, Effect, FileSystem, Layer } from "effect"
import type { PlatformError, Scope } from "effect"
import * as Cli from "./Cli.ts"

/** The environment of an account that nobody has used yet. */
type Customer = (
  extra?: Cli.Env
) => Effect.Effect<Cli.Env, PlatformError.PlatformError, Scope.Scope>

interface Shape extends Omit<Effect.Success<ReturnType<typeof Cli.market>>, "account"> {
  readonly customer: Customer
}

export class SharedMarket extends Context.Service<SharedMarket, Shape>()(
  "@farthing/cli/test/SharedMarket"
) {}

/** The last one is left for whoever the customers deal with. */
const accounts = 16

export const layer = Layer.effect(
  SharedMarket,
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const { account, ...market } = yield* Cli.market(["--accounts", String(accounts)])
    let used = 0
    const customer: Customer = (extra) =>
      Effect.provideService(account(used++, extra), FileSystem.FileSystem, fs)
    return { ...market, customer }
  })
).pipe(Layer.provideMerge(Cli.layer))

/** A customer that has bought once, for 10,000 msat. */
export const bought = Effect.fnUntraced(function* (prompt = "What is a farthing?") {
  const { customer } = yield* SharedMarket
  const env = yield* customer()
  const { code, stderr } = yield* Cli.run(["ask", prompt], env)
  return code === 0 ? env : yield* Effect.die(new Error(stderr))
})
