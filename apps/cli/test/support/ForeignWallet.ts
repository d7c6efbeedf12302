/** A wallet service over NIP-47, made of nostr-tools alone, that answers what its script says. */
import { Effect } from "effect"
import { decrypt, encrypt, getConversationKey } from "nostr-tools/nip44"
import { finalizeEvent, generateSecretKey, getPublicKey } from "nostr-tools/pure"
import { Relay, useWebSocketImplementation } from "nostr-tools/relay"
import { WebSocket } from "ws"

useWebSocketImplementation(WebSocket)

/** What it answers to each method; what is not there it never answers. */
export type Script = Readonly<Record<string, object>>

/** A wallet that describes itself and has money; what else is asked it never answers. */
export const mute: Script = {
  get_info: {
    alias: "mute",
    network: "regtest",
    methods: ["get_info", "get_balance", "pay_invoice"]
  },
  get_balance: { balance: 1_000_000 }
}

const now = () => Math.floor(Date.now() / 1000)

const open = async (relayUrl: string, script: Script) => {
  const secret = generateSecretKey()
  const client = generateSecretKey()
  const service = getPublicKey(secret)
  const key = getConversationKey(secret, getPublicKey(client))
  const relay = await Relay.connect(relayUrl)
  const publish = (kind: number, tags: Array<Array<string>>, content: string) =>
    relay.publish(finalizeEvent({ kind, created_at: now(), tags, content }, secret))
  await publish(13194, [["encryption", "nip44_v2"]], "get_info get_balance pay_invoice")
  const asked: Array<string> = []
  const waiting: Array<() => void> = []
  relay.subscribe([{ kinds: [23194], "#p": [service], since: now() }], {
    onevent: async (event) => {
      const { method } = JSON.parse(decrypt(event.content, key))
      asked.push(method)
      for (const look of waiting.splice(0)) look()
      const result = script[method]
      if (result === undefined) return
      const content = encrypt(JSON.stringify({ result_type: method, result }), key)
      const tags = [
        ["p", event.pubkey],
        ["e", event.id]
      ]
      await publish(23195, tags, content)
    }
  })
  const hex = Buffer.from(client).toString("hex")
  return {
    /** The methods that it was asked for, in their order. */
    asked,
    /** Waits until it was asked for this. */
    untilAsked: (method: string) =>
      Effect.callback<void>((resume) => {
        const look = () => {
          if (asked.includes(method)) resume(Effect.void)
          else waiting.push(look)
        }
        look()
      }),
    uri: `nostr+walletconnect://${service}?relay=${encodeURIComponent(relayUrl)}&secret=${hex}`,
    close: () => relay.close()
  }
}

/** Serves until the scope closes. */
export const serve = (relayUrl: string, script: Script) =>
  Effect.acquireRelease(
    Effect.promise(() => open(relayUrl, script)),
    (wallet) => Effect.sync(wallet.close)
  )
