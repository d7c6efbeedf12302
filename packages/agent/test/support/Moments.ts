/** Moments of a tick at which an agent stands still. */
import { Effect } from "effect"
import type { Pen } from "../../src/AgentBook.ts"
import type { Seen } from "./Home.ts"

export const names = [
  "before it looked around",
  "once it looked around",
  "once it has its thought, before it writes it down",
  "once it wrote down what it wants",
  "after the first deed",
  "before it pays somebody",
  "once it paid somebody, before it writes so",
  "once it wrote that it paid somebody",
  "before it saves what it has become",
  "once it saved that, before all is published",
  "once all is published, before it writes so",
  // Whoever paid counts as living for ten seconds: these come last.
  "before it pays for its thought",
  "once it paid for its thought"
] as const
export type Moment = (typeof names)[number]

/** After these its tick is over. */
export const isOver = (moment: Moment): boolean => moment.includes("all is published")

/** How an agent sees its world that stands still at a moment, having said so. */
export const seenAt = (moment: Moment, reached: Effect.Effect<void>): Partial<Seen> => {
  const standStill = Effect.andThen(reached, Effect.never)
  const afterwards = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.andThen(effect, standStill)

  const withPen = (change: (pen: Pen) => Partial<Pen>): Partial<Seen> => ({
    book: (book) => ({
      ...book,
      pen: (agent, owner) => {
        const pen = book.pen(agent, owner)
        return { ...pen, ...change(pen) }
      }
    })
  })

  const paying = (what: string, when: "before" | "after"): Partial<Seen> => ({
    treasury: (treasury) => ({
      ...treasury,
      pay: (spend) =>
        !spend.purchase.startsWith(what)
          ? treasury.pay(spend)
          : when === "before"
            ? standStill
            : afterwards(treasury.pay(spend))
    })
  })

  const stepping = (when: (to: string, tag: string) => boolean): Partial<Seen> =>
    withPen((pen) => ({
      step: (record, step) =>
        when(step.to, record.action._tag)
          ? afterwards(pen.step(record, step))
          : pen.step(record, step)
    }))

  switch (moment) {
    case "before it looked around":
      return withPen(() => ({ begin: () => standStill }))
    case "once it looked around":
      return withPen((pen) => ({ begin: (...tick) => afterwards(pen.begin(...tick)) }))
    case "before it pays for its thought":
      return paying("tick", "before")
    case "once it paid for its thought":
      return paying("tick", "after")
    case "once it has its thought, before it writes it down":
      return {
        compute: (compute) => ({
          ...compute,
          requestInference: (request) => afterwards(compute.requestInference(request))
        })
      }
    case "once it wrote down what it wants":
      return withPen((pen) => ({ thought: (...thought) => afterwards(pen.thought(...thought)) }))
    case "after the first deed":
      return stepping((to, tag) => to === "done" && tag === "Post")
    case "before it pays somebody":
      return stepping((to) => to === "begun")
    case "once it paid somebody, before it writes so":
      return paying("action", "after")
    case "once it wrote that it paid somebody":
      return stepping((to, tag) => to === "done" && tag === "PayInvoice")
    case "before it saves what it has become":
      return withPen(() => ({ finish: () => standStill }))
    case "once it saved that, before all is published":
      return withPen((pen) => ({ finish: (...tick) => afterwards(pen.finish(...tick)) }))
    case "once all is published, before it writes so": {
      let isFinished = false
      const withFinish = withPen((pen) => ({
        finish: (...tick) =>
          Effect.tap(pen.finish(...tick), () => Effect.sync(() => (isFinished = true)))
      }))
      return {
        book: (real) => {
          const book = withFinish.book?.(real) ?? real
          const published: typeof book.post.published = (ids, at) =>
            isFinished ? standStill : book.post.published(ids, at)
          return { ...book, post: { ...book.post, published } }
        }
      }
    }
  }
}
