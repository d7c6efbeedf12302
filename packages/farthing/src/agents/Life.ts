/**
 * What one agent lives on: a key, a purse, a market and a book of its own, over the database and the
 * relays that all agents of the home share.
 */
import { Agent } from "@farthing/agent"
import { type Limits, Treasury } from "@farthing/budget"
import { ChannelTransport, ComputeClient, SqlJournal } from "@farthing/compute"
import type { Key } from "@farthing/protocol"
import { Signer } from "@farthing/relay"
import { Effect, Layer, Option } from "effect"
import * as Config from "../Config.ts"
import type { AgentSettings } from "../config/AgentSettings.ts"
import * as Market from "../Market.ts"
import * as AgentKeys from "./AgentKeys.ts"

/** An agent as the configuration and its key have it. */
export interface Resident {
  readonly id: Key.PublicKey
  readonly settings: AgentSettings
}

/** Built anew for each agent: what it is made of is nobody else's. */
export const layer = (resident: Resident, limitsNow: Effect.Effect<Limits.Limits>) =>
  Layer.fresh(
    Layer.unwrap(
      Effect.gen(function* () {
        const { settings } = resident
        const { compute, network, telemetry } = yield* Config.Config
        const { dailyBurn, hibernateThreshold, limits, lowBalanceDays } = settings.runway
        const secret = yield* secretOf(resident)
        const budget = resident.id
        const agent = tidyAgent({
          network,
          lowBalanceDays,
          hibernateBelow: hibernateThreshold,
          perTick: limits.perTick,
          reserve: limits.reserve,
          burn: dailyBurn
        })
        const market = ComputeClient.layerWith({
          network,
          budget,
          traceContext: telemetry.traceContext,
          ...compute
        }).pipe(
          Layer.provide(ChannelTransport.layer),
          Layer.provide(SqlJournal.layer({ budget: `${network}/${budget}` }))
        )
        return agent.pipe(
          Layer.provideMerge(market),
          Layer.provideMerge(
            Treasury.layer({
              network,
              budget,
              limits: limitsNow,
              payTimeout: compute.paymentTimeout
            })
          ),
          Layer.provideMerge(walletOf(settings)),
          Layer.provideMerge(Signer.layer(secret))
        )
      })
    )
  )

/**
 * An agent that looks after what else is open once its first tick has taken up what it had begun:
 * late results, refunds, locks.
 */
const tidyAgent = (options: Agent.Options) =>
  Layer.effect(
    Agent.Agent,
    Effect.gen(function* () {
      const agent = yield* Agent.make(options)
      const compute = yield* ComputeClient.ComputeClient
      const scope = yield* Effect.scope
      const tidyUp = yield* Effect.cached(
        Effect.forkIn(Effect.ignore(compute.recover, { log: "Debug" }), scope)
      )
      return { ...agent, tick: (trigger) => Effect.ensuring(agent.tick(trigger), tidyUp) }
    })
  )

/** Words that were exchanged make other agents of the same accounts. */
const secretOf = Effect.fnUntraced(function* ({ id, settings }: Resident) {
  const secret = yield* AgentKeys.secretKey(settings)
  const signer = Signer.make(secret)
  if (signer.publicKey === id) return secret
  return yield* new AgentKeys.AgentInvalid({
    name: settings.name,
    message: `Agent ${settings.name} has another key now than it had at the start. Start again.`
  })
})

/** Whether there is a wallet for it alone; otherwise it lives on the home's. */
export const hasOwnWallet = ({ key, nwc }: AgentSettings, { wallet }: Config.Shape): boolean =>
  Option.isSome(nwc) || (wallet.kind === "spark" && key._tag === "Account")

type Wallets = Layer.Success<typeof Market.wallet>

/** A wallet that is opened, or the one that is there already. */
type WalletLayer = Layer.Layer<
  Wallets,
  Layer.Error<typeof Market.wallet>,
  Layer.Services<typeof Market.wallet> | Wallets
>

const homesWallet: WalletLayer = Layer.effectContext(Effect.context<Wallets>())

const walletOf = (settings: AgentSettings) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const config = yield* Config.Config
      const { key, nwc } = settings
      if (!hasOwnWallet(settings, config)) return homesWallet
      if (Option.isSome(nwc)) {
        const nwcUri = Option.some(yield* AgentKeys.nwcUri(settings, nwc.value))
        return walletAs({ ...config.wallet, kind: "nwc", nwcUri })
      }
      const account = key._tag === "Account" ? key.account : config.wallet.account
      return walletAs({ ...config.wallet, account })
    })
  )

const walletAs = (wallet: Config.Shape["wallet"]): WalletLayer =>
  Market.wallet.pipe(
    Layer.provide(
      Layer.effect(
        Config.Config,
        Effect.map(Config.Config, (config) => Config.Config.of({ ...config, wallet }))
      )
    )
  )
