/** Events in any number. */
import { AgentMessage, Announcement, Key, Msat, NostrEvent } from "@farthing/protocol"
import { Option } from "effect"
import { randomBytes } from "node:crypto"

const author = Key.generate()

/** Signed notes of one author, no two alike. */
export const notes = (count: number, createdAt: number): ReadonlyArray<NostrEvent.NostrEvent> =>
  Array.from({ length: count }, (_, index) =>
    NostrEvent.sign(
      {
        created_at: createdAt,
        kind: 1,
        tags: [["salt", randomBytes(8).toString("hex")]],
        content: `note ${index}`
      },
      author
    )
  )

/** As many providers, each with an offer and a price of its own, announced within five minutes. */
export const announcements = (
  count: number,
  createdAt: number
): ReadonlyArray<NostrEvent.NostrEvent> =>
  Array.from({ length: count }, (_, index) =>
    NostrEvent.sign(
      Announcement.toTemplate(
        {
          identifier: "offer",
          name: `provider ${index}`,
          about: "sells",
          picture: Option.none(),
          lud16: Option.none(),
          channel: NostrEvent.EventId.make(randomBytes(32).toString("hex")),
          relays: [],
          network: Option.some("regtest"),
          price: Option.some(Msat.make(1_000 + ((index * 7_919) % 100_000))),
          models: [`model ${index % 20}`],
          modelPrices: {},
          kinds: [AgentMessage.textGeneration],
          capabilities: ["text-generation"],
          settlements: ["upfront"],
          tagsAnswers: true,
          online: true,
          expiresAt: Option.some(createdAt + 7_200)
        },
        createdAt - (index % 300)
      ),
      Key.generate()
    )
  )
