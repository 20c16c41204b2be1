"""What tests share: real servers and builders."""
