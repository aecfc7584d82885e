# Four settings that can't work, each with its sentence.
{
  pattern = {
    image = {
      id = "demo";
      version = "0.0.1";
      updates.url = "https://example.org";
      updates.pubring = ./demo-pubring.pgp;
    };
    partitions.sizes = {
      esp = "200M";
      verity = "200M";
      usr = "2G";
    };
    partitions.persist.home = true;
    partitions.persist.rollback = [ "/var/lib/app" ];
    userspace.homed = true;
    boot.flags = [ "break" ];
    volume.escrow = [ "age17w23j4qn8rwklwqyv0uh750698dnwafk64h428vrg6uke8unvpjs9hcc92" ];
  };
}
