"""Webhook bodies read: what vendors of SMS post when a message's status changes, turned into delivery-report events."""

from streams.receipts.webhooks.decode import Decoded, WebhookError, WebhookEvent, decode
from streams.receipts.webhooks.names import UnknownVendorError, VendorNames
from streams.receipts.webhooks.vendor import Vendor, VendorError, all_vendors, known_vendors, vendor_from

__all__ = [
    "Decoded",
    "UnknownVendorError",
    "Vendor",
    "VendorError",
    "VendorNames",
    "WebhookError",
    "WebhookEvent",
    "all_vendors",
    "decode",
    "known_vendors",
    "vendor_from",
]
