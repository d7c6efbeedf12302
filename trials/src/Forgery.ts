/** Events that their author never made; only a relay that believes everything passes them on. */
import { Hex, Key, NostrEvent } from "@farthing/protocol"

const forger = Key.generate()

/** What somebody else should have said, with the right id and a forger's signature. */
export const inTheNameOf = (
  pubkey: Key.PublicKey,
  template: NostrEvent.Template
): NostrEvent.NostrEvent => {
  const { created_at, kind, tags, content } = template
  const id = NostrEvent.idOf(pubkey, template)
  return { id, pubkey, created_at, kind, tags, content, sig: forgedSignature(id) }
}

/** A genuine event, id and all, but for its signature. */
export const signedAnew = (event: NostrEvent.NostrEvent): NostrEvent.NostrEvent => ({
  ...event,
  sig: forgedSignature(event.id)
})

/** A genuine event whose content was changed under its id and signature. */
export const tampered = (
  event: NostrEvent.NostrEvent,
  change: (content: string) => string
): NostrEvent.NostrEvent => ({ ...event, content: change(event.content) })

const forgedSignature = (id: NostrEvent.EventId) =>
  NostrEvent.Signature.make(Hex.fromBytes(Key.sign(forger, Hex.toBytes(id))))
