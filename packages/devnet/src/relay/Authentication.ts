/** Who is there (NIP-42): a client proves its key by signing the challenge of its connection. */
import { NostrEvent } from "@farthing/protocol"
import { Result } from "effect"
import { authKind } from "./Admission.ts"
import * as ClientMessage from "./ClientMessage.ts"
import type { Part } from "./Part.ts"
import type { Session } from "./Session.ts"

export interface Options {
  /** The unix second that it is. */
  readonly now: () => number
  /** The hosts that an `AUTH` event may name, besides the one that the client dialled. */
  readonly hosts: ReadonlyArray<string>
}

/** For how many seconds an `AUTH` event is good (NIP-42: about ten minutes). */
const window = 600

export const make = ({ hosts, now }: Options): Part => ({
  verbs: {
    AUTH: (session, args) => {
      const decoded = ClientMessage.decodeEvent(args)
      if (Result.isFailure(decoded)) return ClientMessage.refuse(session, decoded.failure)
      const event = decoded.success
      const refusal = refusalOf(event, session, hosts, now())
      if (refusal === undefined) session.authenticated.add(event.pubkey)
      session.ok(event.id, refusal === undefined, refusal)
    }
  }
})

/** Why the event proves nobody's identity on this connection. */
const refusalOf = (
  event: NostrEvent.NostrEvent,
  session: Session,
  hosts: ReadonlyArray<string>,
  now: number
): string | undefined => {
  if (event.kind !== authKind) return "invalid: AUTH takes an event of kind 22242"
  if (Math.abs(now - event.created_at) > window) return "invalid: created_at is not now"
  if (NostrEvent.tagValue(event, "challenge") !== session.challenge)
    return "invalid: not the challenge of this connection"
  const host = hostOf(NostrEvent.tagValue(event, "relay"))
  if (host === undefined || !(host === session.host || hosts.includes(host)))
    return "invalid: made for another relay"
  if (!NostrEvent.verify(event)) return "invalid: bad id or signature"
  return undefined
}

const hostOf = (url: string | undefined): string | undefined =>
  url !== undefined && URL.canParse(url) ? new URL(url).host : undefined
