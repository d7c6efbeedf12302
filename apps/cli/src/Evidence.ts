/** What a home has to show of a sealed result. */
import type { ComputeClient } from "@farthing/compute"
import { SealedEvidence } from "@farthing/protocol"
import { Signer } from "@farthing/relay"
import { Effect, Option, Redacted } from "effect"

/** None where nothing came under seal. */
export const of = Effect.fnUntraced(function* (detail: ComputeClient.JobDetail) {
  const { job, offer, payment, request, sealed } = detail
  const commitment = sealed.at(-1)
  if (commitment === undefined || offer === undefined) return Option.none()
  const signer = yield* Signer.Signer
  const conversationKey = yield* signer.conversationKey(job.provider)
  return Option.some(
    SealedEvidence.make({
      request: request.event,
      bolt11: offer.bolt11,
      commitment,
      parts: sealed.slice(0, -1),
      paid: Option.map(Option.fromUndefinedOr(payment), ({ preimage }) => ({
        preimage,
        lock: {
          preimage: Redacted.make(preimage),
          conversationKey,
          requestId: job.request,
          paymentHash: offer.paymentHash
        }
      }))
    })
  )
})
