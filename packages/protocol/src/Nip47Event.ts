/**
 * The events that carry Nostr Wallet Connect (NIP-47): their kinds, tags and filters. Contents
 * come encrypted from, and go encrypted to, `Nip47`.
 */
import type { Filter } from "./Filter.ts"
import type * as Key from "./Key.ts"
import * as NostrEvent from "./NostrEvent.ts"

export const infoKind = 13_194

export const requestKind = 23_194

export const responseKind = 23_195

export const notificationKind = 23_197

/** The name of NIP-44 version 2 in `encryption` tags. */
export const encryption = "nip44_v2"

/** What a wallet service says of itself in public. */
export interface Capabilities {
  readonly methods: ReadonlyArray<string>
  readonly notifications: ReadonlyArray<string>
  /** A service that names none knows only NIP-04. */
  readonly encryptions: ReadonlyArray<string>
}

/** `createdAt` in unix seconds, here and below. */
export const info = (capabilities: Capabilities, createdAt: number): NostrEvent.Template => ({
  kind: infoKind,
  created_at: createdAt,
  tags: [
    ["encryption", capabilities.encryptions.join(" ")],
    ...(capabilities.notifications.length === 0
      ? []
      : [["notifications", capabilities.notifications.join(" ")]])
  ],
  content: capabilities.methods.join(" ")
})

export const capabilitiesOf = (event: NostrEvent.NostrEvent): Capabilities => ({
  methods: words(event.content),
  notifications: words(NostrEvent.tagValue(event, "notifications") ?? ""),
  encryptions: words(NostrEvent.tagValue(event, "encryption") ?? "nip04")
})

export const request = (options: {
  readonly wallet: Key.PublicKey
  /** Encrypted to the wallet. */
  readonly content: string
  readonly createdAt: number
  /** The unix second from which on the wallet must not act any more (NIP-40). */
  readonly expiresAt: number
}): NostrEvent.Template => ({
  kind: requestKind,
  created_at: options.createdAt,
  tags: [
    ["p", options.wallet],
    ["encryption", encryption],
    ["expiration", String(options.expiresAt)]
  ],
  content: options.content
})

export const response = (options: {
  readonly client: Key.PublicKey
  readonly request: NostrEvent.EventId
  /** Encrypted to the client. */
  readonly content: string
  readonly createdAt: number
}): NostrEvent.Template => ({
  kind: responseKind,
  created_at: options.createdAt,
  tags: [
    ["p", options.client],
    ["e", options.request]
  ],
  content: options.content
})

export const notification = (options: {
  readonly client: Key.PublicKey
  /** Encrypted to the client. */
  readonly content: string
  readonly createdAt: number
}): NostrEvent.Template => ({
  kind: notificationKind,
  created_at: options.createdAt,
  tags: [["p", options.client]],
  content: options.content
})

/** What a client subscribes to: the wallet's answers and notifications to this client. */
export const clientFilter = (options: {
  readonly wallet: Key.PublicKey
  readonly client: Key.PublicKey
  readonly since?: number
}): Filter => ({
  kinds: [responseKind, notificationKind],
  authors: [options.wallet],
  "#p": [options.client],
  ...(options.since === undefined ? {} : { since: options.since })
})

/** What a wallet service subscribes to: requests to it, by the clients it knows. */
export const walletFilter = (options: {
  readonly wallet: Key.PublicKey
  readonly clients?: ReadonlyArray<Key.PublicKey>
  readonly since?: number
}): Filter => ({
  kinds: [requestKind],
  "#p": [options.wallet],
  ...(options.clients === undefined ? {} : { authors: options.clients }),
  ...(options.since === undefined ? {} : { since: options.since })
})

/** Whether an event is the wallet's answer to this request. */
export const isResponseTo = (
  event: NostrEvent.NostrEvent,
  expected: { readonly wallet: Key.PublicKey; readonly request: NostrEvent.EventId }
): boolean =>
  event.kind === responseKind &&
  event.pubkey === expected.wallet &&
  NostrEvent.tagValue(event, "e") === expected.request

const words = (text: string): ReadonlyArray<string> =>
  text.split(/\s+/).filter((word) => word !== "")
