# bash completion for pattern(1)

_pattern() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words=
    case $prev in
        --keys | --output | --data | --persist | --tools) compopt -o dirnames; return ;;
        --identity) compopt -o default; return ;;
        --compress) COMPREPLY=($(compgen -W 'xz gz none' -- "$cur")); return ;;
        --display) COMPREPLY=($(compgen -W 'gtk sdl none' -- "$cur")); return ;;
        --disk | --memory | --append | --server | --load-credential) return ;;
    esac
    case $COMP_CWORD,${COMP_WORDS[1]} in
        1,*) words='config build run gen-keyring sign-release recovery --help --version' ;;
        2,config) words=check ;;
        2,recovery) words=decrypt ;;
        *,config) words=--json; compopt -o default ;;
        *,build) words='--keys --sign-debug-as-production --output --tools --data'; compopt -o dirnames ;;
        *,run)
            words='--disk --persist --memory --secure-boot --append --display --load-credential --server --tools'
            compopt -o default
            ;;
        *,gen-keyring) words='--add-missing --epoch --tools' ;;
        *,sign-release) words='--output --compress --tools'; compopt -o dirnames ;;
        *,recovery) words=--identity; compopt -o default ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _pattern pattern
