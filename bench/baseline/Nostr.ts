/** Nostr by hand: the codecs and the pool of nostr-tools, without deflate, over our curve. */
import { Hex, Key, NostrEvent } from "@farthing/protocol"
import { AbstractSimplePool } from "nostr-tools/abstract-pool"
import { type Event, verifiedSymbol, type VerifiedEvent } from "nostr-tools/core"
import { Redacted } from "effect"
import { WebSocket } from "ws"

class WithoutDeflate extends WebSocket {
  constructor(url: string) {
    super(url, { perMessageDeflate: false })
  }
}

const verifyEvent = (event: Event): event is VerifiedEvent => {
  const isGenuine = NostrEvent.verify(event as never)
  event[verifiedSymbol] = isGenuine
  return isGenuine
}

export const pool = (): AbstractSimplePool =>
  new AbstractSimplePool({
    verifyEvent,
    maxWaitForConnection: 3_000,
    websocketImplementation: WithoutDeflate as never
  })

export interface Identity {
  readonly pubkey: string
  readonly sign: (kind: number, tags: Array<Array<string>>, content: string) => Event
}

/** Of a secret key in hex, or a new one. */
export const identity = (hex?: string): Identity => {
  const secret = hex === undefined ? Key.generate() : Redacted.make(hex)
  const pubkey = Key.publicKeyOf(secret)
  return {
    pubkey,
    sign: (kind, tags, content) => {
      const template = { created_at: Math.floor(Date.now() / 1_000), kind, tags, content }
      const id = NostrEvent.idOf(pubkey, template)
      return { ...template, id, pubkey, sig: Hex.fromBytes(Key.sign(secret, Hex.toBytes(id))) }
    }
  }
}
