/** The storm: which hostility meets whom, and how much of it. */
import { AgentMessage, Announcement, Channel, Filter, Key, NostrEvent } from "@farthing/protocol"
import { Option } from "effect"
import { randomInt } from "node:crypto"
import type * as Answers from "./Answers.ts"
import * as Hostility from "./Hostility.ts"

/** Turns a second; the numbers below are for one of them. */
export const pace = 10

const strength = { channel: 40, answers: 30, market: 40, others: 2 }

/** One that is asked and never quotes, but talks. */
export interface Babbler {
  readonly secret: Key.SecretKey
  readonly channel: NostrEvent.EventId
}

/** How much it says to one request. */
const babble = 2_000

export interface Storm {
  readonly gust: (
    filters: ReadonlyArray<Filter.Filter>
  ) => ReadonlyArray<NostrEvent.NostrEvent | string | Buffer>
  readonly onEvent: (event: NostrEvent.NostrEvent) => ReadonlyArray<NostrEvent.NostrEvent>
  /** Requests for one turn, from people whom nobody has seen. */
  readonly requests: () => ReadonlyArray<NostrEvent.NostrEvent>
}

/** What is remembered to be repeated. */
const remembered = 500

/** On average: each costs an invoice and a place in the books, which is what honest people need too. */
const requestsATurn = 0.7

/** A whole number that is so many on average. */
const about = (many: number): number => Math.floor(many + randomInt(1_000) / 1_000)

/** `force` multiplies everything; it may change with time. */
export const make = (options: {
  readonly victim: () => Answers.Counter | undefined
  readonly babbler: Babbler
  readonly force: () => number
}): Storm => {
  const { babbler, force, victim } = options
  const heard: Array<NostrEvent.NostrEvent> = []
  let announced = Hostility.announcement(babbler.channel, babbler.secret)

  const hear = (event: NostrEvent.NostrEvent): void => {
    if (heard.length < remembered) heard.push(event)
    else heard[randomInt(remembered)] = event
  }

  const something = (): NostrEvent.NostrEvent | undefined => heard[randomInt(heard.length || 1)]

  /** To a provider, in its channel. */
  const inChannel = (channel: NostrEvent.EventId) => () => {
    const known = something()
    switch (randomInt(8)) {
      case 0:
        return Hostility.garbage()
      case 1:
        return known ?? Hostility.garbage()
      case 2:
        return known === undefined ? Hostility.garbage() : Hostility.forged(known)
      case 3:
        return Hostility.pretended(Key.publicKeyOf(babbler.secret), Hostility.request(channel))
      case 4:
        return Hostility.answer(channel, known)
      default:
        return Hostility.followUp(channel, known)
    }
  }

  /** To a customer that waits for the answers of one provider. */
  const asAnswer = (channel: NostrEvent.EventId, provider: Key.PublicKey) => () => {
    const known = something()
    switch (randomInt(5)) {
      case 0:
        return Hostility.garbage()
      case 1:
        return known ?? Hostility.garbage()
      case 2:
        return known === undefined ? Hostility.garbage() : Hostility.forged(known)
      case 3:
        return Hostility.pretended(provider, Hostility.answer(channel, known))
      default:
        return Hostility.answer(channel, known)
    }
  }

  const inMarket = () => {
    switch (randomInt(10)) {
      case 0:
        return Hostility.garbage()
      case 1:
        return Hostility.forged(Hostility.announcement())
      default:
        return Hostility.announcement()
    }
  }

  const kindOf = (filters: ReadonlyArray<Filter.Filter>) => {
    const [filter] = filters
    const channel = filter?.["#e"]?.[0] as NostrEvent.EventId | undefined
    if (filter?.kinds?.includes(Channel.messageKind) && channel !== undefined) {
      const [author] = filter.authors ?? []
      return author === undefined
        ? ([strength.channel, inChannel(channel)] as const)
        : ([strength.answers, asAnswer(channel, author as Key.PublicKey)] as const)
    }
    return filter?.kinds?.includes(Announcement.kind) && filter.authors === undefined
      ? ([strength.market, inMarket] as const)
      : ([strength.others, Hostility.garbage] as const)
  }

  const isForBabbler = (event: NostrEvent.NostrEvent): boolean =>
    Option.contains(Channel.channelOf(event), babbler.channel) &&
    Option.exists(AgentMessage.parse(event.content), ({ type }) => type === "JobRequest")

  return {
    gust: (filters) => {
      const [many, make] = kindOf(filters)
      const storm = Array.from({ length: about(many * force()) }, make)
      // The one that babbles wants to be known.
      return make === inMarket ? [announced, ...storm] : storm
    },
    onEvent: (event) => {
      hear(event)
      if (!isForBabbler(event)) return []
      announced = Hostility.announcement(babbler.channel, babbler.secret)
      return Array.from({ length: babble }, () =>
        Hostility.answer(babbler.channel, event, babbler.secret)
      )
    },
    requests: () => {
      const counter = victim()
      if (counter === undefined) return []
      const fresh = Array.from({ length: about(requestsATurn) }, () =>
        Hostility.request(counter.channel)
      )
      for (const event of fresh) hear(event)
      return fresh
    }
  }
}
