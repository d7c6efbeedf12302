/** A Lightning node of the Lightning Development Kit, whose memory is its only disk. */
import type { Confirm, Event, Network, UserConfig } from "lightningdevkit"
import * as ldk from "lightningdevkit"
import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"

export interface Node {
  readonly id: Uint8Array
  /** Signs the node's invoices. */
  readonly secretKey: Uint8Array
  readonly manager: ldk.ChannelManager
  readonly peers: ldk.PeerManager
  /** The route that a payment would take, and what it would cost; undefined if there is none. */
  readonly routeOf: (wanted: ldk.RouteParameters) => ldk.Route | undefined
  /** Whom a chain tells of its blocks. */
  readonly followers: ReadonlyArray<Confirm>
  /** What has happened since the last time. */
  readonly takeEvents: () => ReadonlyArray<Event>
  /** LDK frees what JavaScript forgets, used or not. */
  readonly parts: ReadonlyArray<object>
}

export interface Options {
  readonly network: Network
  /** Unix seconds. */
  readonly now: number
  readonly config?: UserConfig
}

let loading: Promise<void> | undefined

/** What LDK needs before anything of it can be used. */
export const load = (): Promise<void> =>
  (loading ??= ldk.initializeWasmFromBinary(
    readFileSync(new URL("liblightningjs.wasm", import.meta.resolve("lightningdevkit")))
  ))

/** Satoshi per 1,000 units of weight: the least that nodes relay. */
const feeRate = 253

export const make = ({ config, network, now }: Options): Node => {
  const fees = ldk.FeeEstimator.new_impl({ get_est_sat_per_1000_weight: () => feeRate })
  const broadcaster = ldk.BroadcasterInterface.new_impl({ broadcast_transactions: () => {} })
  const logger = ldk.Logger.new_impl({ log: () => {} })
  const stored = ldk.ChannelMonitorUpdateStatus.LDKChannelMonitorUpdateStatus_Completed
  const persist = ldk.Persist.new_impl({
    persist_new_channel: () => stored,
    update_persisted_channel: () => stored,
    archive_persisted_channel: () => {}
  })
  const monitor = ldk.ChainMonitor.constructor_new(
    ldk.Option_FilterZ.constructor_none(),
    broadcaster,
    logger,
    fees,
    persist
  )
  const keys = ldk.KeysManager.constructor_new(randomBytes(32), BigInt(now), 0)
  const graph = ldk.NetworkGraph.constructor_new(network, logger)
  const scorer = ldk.ProbabilisticScorer.constructor_new(
    ldk.ProbabilisticScoringDecayParameters.constructor_default(),
    graph,
    logger
  )
  const scoring = ldk.ProbabilisticScoringFeeParameters.constructor_default()
  const scores = ldk.MultiThreadedLockableScore.constructor_new(scorer.as_Score())
  const router = ldk.DefaultRouter.constructor_new(
    graph,
    logger,
    keys.as_EntropySource(),
    scores.as_LockableScore(),
    scoring
  )
  const messages = ldk.DefaultMessageRouter.constructor_new(graph, keys.as_EntropySource())
  const manager = ldk.ChannelManager.constructor_new(
    fees,
    monitor.as_Watch(),
    broadcaster,
    router.as_Router(),
    messages.as_MessageRouter(),
    logger,
    keys.as_EntropySource(),
    keys.as_NodeSigner(),
    keys.as_SignerProvider(),
    config ?? ldk.UserConfig.constructor_default(),
    ldk.ChainParameters.constructor_new(network, ldk.BestBlock.constructor_from_network(network)),
    now
  )
  const gossip = ldk.P2PGossipSync.constructor_new(
    graph,
    ldk.Option_UtxoLookupZ.constructor_none(),
    logger
  )
  const ignoring = ldk.IgnoringMessageHandler.constructor_new()
  const peers = ldk.PeerManager.constructor_new(
    manager.as_ChannelMessageHandler(),
    gossip.as_RoutingMessageHandler(),
    ignoring.as_OnionMessageHandler(),
    ignoring.as_CustomMessageHandler(),
    now,
    randomBytes(32),
    logger,
    keys.as_NodeSigner()
  )

  const events: Array<Event> = []
  const listening = ldk.EventHandler.new_impl({
    handle_event: (event) => {
      events.push(event)
      return ldk.Result_NoneReplayEventZ.constructor_ok()
    }
  })
  const sources = [manager.as_EventsProvider(), monitor.as_EventsProvider()]

  return {
    id: manager.get_our_node_id(),
    secretKey: keys.get_node_secret_key(),
    manager,
    peers,
    followers: [monitor.as_Confirm(), manager.as_Confirm()],
    routeOf: (wanted) => {
      const found = router
        .as_Router()
        .find_route(
          manager.get_our_node_id(),
          wanted,
          manager.list_usable_channels(),
          manager.compute_inflight_htlcs()
        )
      return found instanceof ldk.Result_RouteLightningErrorZ_OK ? found.res : undefined
    },
    takeEvents: () => {
      for (const source of sources) source.process_pending_events(listening)
      return events.splice(0)
    },
    parts: [
      fees,
      broadcaster,
      logger,
      persist,
      keys,
      graph,
      scorer,
      scoring,
      scores,
      messages,
      gossip,
      ignoring
    ]
  }
}
