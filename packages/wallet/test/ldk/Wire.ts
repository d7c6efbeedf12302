/** A connection between two nodes: what one sends lies there until it is delivered. */
import type { SocketDescriptor } from "lightningdevkit"
import * as ldk from "lightningdevkit"
import type { Node } from "./Node.ts"

export interface Wire {
  /** Hands over what lies there; whether there was anything. */
  readonly deliver: () => boolean
}

let sockets = 0n

export const connect = (from: Node, to: Node): Wire => {
  const underway: Array<() => void> = []

  /** The end of the wire that `near` writes to. */
  const end = (far: Node, farEnd: () => SocketDescriptor): SocketDescriptor => {
    const id = ++sockets
    return ldk.SocketDescriptor.new_impl({
      send_data: (data) => {
        const sent = Uint8Array.from(data)
        underway.push(() => {
          if (!far.peers.read_event(farEnd(), sent).is_ok()) throw new Error("the wire broke")
        })
        return data.length
      },
      disconnect_socket: () => {
        throw new Error("a node hung up")
      },
      eq: (other) => other.hash() === id,
      hash: () => id
    })
  }
  const nearEnd: SocketDescriptor = end(to, () => farEnd)
  const farEnd: SocketDescriptor = end(from, () => nearEnd)

  const nowhere = ldk.Option_SocketAddressZ.constructor_none()
  to.peers.new_inbound_connection(farEnd, nowhere)
  const hello = from.peers.new_outbound_connection(to.id, nearEnd, nowhere)
  if (!(hello instanceof ldk.Result_CVec_u8ZPeerHandleErrorZ_OK)) throw new Error("no connection")
  underway.push(() => to.peers.read_event(farEnd, hello.res))

  return {
    deliver: () => {
      const batch = underway.splice(0)
      for (const hand of batch) hand()
      return batch.length > 0
    }
  }
}
