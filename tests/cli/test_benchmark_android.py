"""The whole command on an emulated phone, through the real adb client."""
