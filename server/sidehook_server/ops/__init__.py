"""What operators see: health, metrics, logs and the admin port."""
