/**
 * Three Lightning nodes in one process: alice pays bob through carol. Their channels, onions,
 * payment secrets and time-outs are real; the wires between them and the chain below are not.
 */
import { Msat } from "@farthing/protocol"
import { UnixTime } from "@farthing/relay"
import { Blocks } from "@farthing/wallet"
import type { Event } from "lightningdevkit"
import * as ldk from "lightningdevkit"
import { Duration, Effect, Semaphore } from "effect"
import * as Chain from "./Chain.ts"
import * as Node from "./Node.ts"
import * as Wire from "./Wire.ts"

export type Listener = (event: Event) => void

export interface Network {
  readonly alice: Node.Node
  readonly bob: Node.Node
  readonly carol: Node.Node
  readonly height: () => number
  /** Does something at a node, and returns its answer when all that follows from it has happened. */
  readonly act: <A>(action: () => A) => Effect.Effect<A>
  /** Whoever is told of a node's events from now on, before an action ends. */
  readonly listen: (node: Node.Node, listener: Listener) => void
  /** As many blocks as come in that time. */
  readonly mine: (time: Duration.Input) => Effect.Effect<void>
}

/** What carol takes for forwarding: 1 sat and half a percent. */
export const fees = { base: 1_000, ppm: 5_000 }

/** What alice can spend at first. */
export const funds = Msat.make(5_000_000_000)

const channelSats = 10_000_000n
/** What each side of a channel has to keep at the least, in millisatoshi: a hundredth. */
const reserve = channelSats * 10n

/** How often a channel's funding is confirmed before the world hears of the channel. */
const confirmations = 6

export const make: Effect.Effect<Network> = Effect.gen(function* () {
  yield* Effect.promise(Node.load)
  const now = yield* UnixTime.now
  const network = ldk.Network.LDKNetwork_Regtest
  const node = () => Node.make({ network, now, config: config() })
  const [alice, bob, carol] = [node(), node(), node()]
  const nodes = [alice, bob, carol]

  const chain = Chain.make(ldk.BestBlock.constructor_from_network(network).get_block_hash())
  for (const { followers } of nodes) followers.forEach(chain.follow)
  const wires = [Wire.connect(carol, alice), Wire.connect(carol, bob)]

  const listeners = new Map<Node.Node, Listener>()

  /** Everybody does what there is to do, until nobody has anything to do. */
  const settleDown = () => {
    for (let busy = true; busy;) {
      busy = false
      for (const one of nodes) {
        one.peers.process_events()
        for (const event of one.takeEvents()) {
          busy = true
          if (event instanceof ldk.Event_PendingHTLCsForwardable)
            one.manager.process_pending_htlc_forwards()
          else listeners.get(one)?.(event)
        }
        one.peers.process_events()
      }
      for (const wire of wires) if (wire.deliver()) busy = true
    }
  }

  const mineBlock = (time: number, transactions?: ReadonlyArray<Uint8Array>) => {
    chain.mine(time, transactions)
    settleDown()
  }

  /** Carol opens channels, and leaves so much of each, beyond the reserve, to the other. */
  const open = (channels: ReadonlyArray<readonly [peer: Node.Node, msats: bigint]>) => {
    const fundings: Array<Uint8Array> = []
    listeners.set(carol, (event) => {
      if (!(event instanceof ldk.Event_FundingGenerationReady)) return
      const { counterparty_node_id: peer, temporary_channel_id: channel } = event
      const funding = Chain.transactionTo(event.output_script, event.channel_value_satoshis)
      carol.manager.funding_transaction_generated(channel, peer, funding)
      fundings.push(funding)
    })
    for (const [peer, msats] of channels)
      carol.manager.create_channel(peer.id, channelSats, reserve + msats, 0n, null, null)
    settleDown()
    listeners.delete(carol)
    mineBlock(now, fundings)
    for (let block = 1; block < confirmations; block++) chain.mine(now)
    settleDown()
  }

  settleDown()
  open([
    [alice, BigInt(funds)],
    [bob, 0n]
  ])

  const one = Semaphore.makeUnsafe(1)

  return {
    alice,
    bob,
    carol,
    height: chain.height,
    listen: (node, listener) => listeners.set(node, listener),
    act: (action) =>
      one.withPermit(
        Effect.sync(() => {
          const answer = action()
          settleDown()
          return answer
        })
      ),
    mine: Effect.fnUntraced(function* (time) {
      const seconds = Duration.toSeconds(Duration.fromInputUnsafe(time))
      const until = yield* UnixTime.now
      yield* one.withPermit(
        Effect.sync(() => {
          for (let left = Math.floor(seconds / Blocks.seconds); left > 0; left--)
            mineBlock(until - (left - 1) * Blocks.seconds)
        })
      )
    })
  }
})

const config = () => {
  const config = ldk.UserConfig.constructor_default()
  const handshake = config.get_channel_handshake_config()
  handshake.set_minimum_depth(1)
  handshake.set_announce_for_forwarding(true)
  handshake.set_max_inbound_htlc_value_in_flight_percent_of_channel(100)
  config.set_channel_handshake_config(handshake)
  const channel = config.get_channel_config()
  channel.set_forwarding_fee_base_msat(fees.base)
  channel.set_forwarding_fee_proportional_millionths(fees.ppm)
  config.set_channel_config(channel)
  return config
}
