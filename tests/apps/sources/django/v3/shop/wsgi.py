raise RuntimeError("version 3 cannot start: PAYMENT_KEY is not set")
