import { Key, NostrEvent } from "@farthing/protocol"

export const alice = Key.generate()
export const bob = Key.generate()

let serial = 0

/** A genuine event, different from all others. */
export const note = (
  fields: Partial<NostrEvent.Template> = {},
  author = alice
): NostrEvent.NostrEvent =>
  NostrEvent.sign(
    {
      kind: 1,
      created_at: 1_700_000_000,
      tags: [["salt", String(serial++)]],
      content: "",
      ...fields
    },
    author
  )

/** The same id and signature over another content. */
export const forged = (event: NostrEvent.NostrEvent): NostrEvent.NostrEvent => ({
  ...event,
  content: `${event.content} forged`
})
