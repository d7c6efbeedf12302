/** How a relay is dialled. */
import { Context } from "effect"
import { WebSocket } from "ws"

/** A frame above this size ends the connection. */
const maxPayload = 8 * 1024 * 1024

/**
 * Opens a WebSocket. Replace it to go through a proxy or to add headers. Compression stays off:
 * inflating costs more than verifying the signature.
 */
export const RelaySocket = Context.Reference<(url: string) => WebSocket>(
  "@farthing/relay/RelaySocket",
  { defaultValue: () => (url) => new WebSocket(url, { perMessageDeflate: false, maxPayload }) }
)
